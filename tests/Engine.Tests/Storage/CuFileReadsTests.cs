using System.Diagnostics;
using NvStream.Storage;
using NvStream.Storage.CuFile;

namespace NvStream.Tests.Storage;

/// <summary>The queue over cuFile's batches, against a cuFile that does all that the real one may do.</summary>
public sealed class CuFileReadsTests
{
    const int Block = 1 << 20;
    static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(33)]
    public void Every_read_ends_once_in_whatever_order(int depth)
    {
        var cuFile = new FakeCuFile(depth) { RepeatsItself = true };
        using var queue = new CuFileReads(cuFile, depth);
        var seen = Pump(queue, cuFile, reads: 2000);
        Assert.All(seen, c => Assert.True(c.Error is null && c.Bytes == Block, $"tag {c.Tag}: {c.Bytes} bytes, {c.Error?.Message}"));
        Assert.Equal(2000, cuFile.Submitted.Count);
        Assert.Equal(Enumerable.Range(0, 2000).Select(i => (long)i * Block), cuFile.Submitted.Select(r => r.FileOffset).Order());
        Assert.Equal(depth, cuFile.Batches.Count);
    }

    [Fact]
    public void Reads_that_end_one_by_one_leave_the_queue_full()
    {
        var random = new Random(1);
        var cuFile = new FakeCuFile(1) { Outcome = r => random.Next(40) == 0 ? (CuFileStatus.Complete, (long)r.Bytes) : null };
        using var queue = new CuFileReads(cuFile, 32);
        Pump(queue, cuFile, reads: 1000, afterSubmit: next => Assert.Equal(next < 1000 ? 32 : cuFile.InFlight, cuFile.InFlight));
    }

    [Fact]
    public void Reads_lead_where_they_should()
    {
        var cuFile = new FakeCuFile(1);
        using var queue = new CuFileReads(cuFile, 4);
        queue.Register(0x10_0000, 4 * Block);
        queue.Enqueue(0, new(1, 4096, Block, 0x10_0000 + Block));
        queue.Enqueue(1, new(0, 0, Block, 0x10_0000 + (4 * Block) - 4096));
        queue.Enqueue(2, new(0, 8192, 4096, 0x7000_0000));
        queue.Submit();
        Assert.Equal(3, Ended(queue, 3).Count);
        var (inside, across, outside) = (cuFile.Submitted[0], cuFile.Submitted[1], cuFile.Submitted[2]);
        Assert.Equal((0x10_0000, (long)Block, 4096L, (nint)0x1001), (inside.MemoryBase, inside.MemoryOffset, inside.FileOffset, inside.File));
        Assert.Equal(((nint)0x10_0000 + (4 * Block) - 4096, 0L), (across.MemoryBase, across.MemoryOffset));
        Assert.Equal(((nint)0x7000_0000, 0L), (outside.MemoryBase, outside.MemoryOffset));
        Assert.All(cuFile.Submitted, r => Assert.Equal((CuFileRead.BatchMode, CuFileRead.ReadOperation), (r.Mode, r.Operation)));
        queue.Unregister(0x10_0000);
        Assert.Empty(cuFile.Memory);
    }

    [Fact]
    public void Memory_that_cannot_be_registered_is_read_into_all_the_same()
    {
        var cuFile = new FakeCuFile(1) { RegisterAnswer = CuFileCode.PinningFailed };
        using var queue = new CuFileReads(cuFile, 2);
        queue.Register(0x10_0000, 4 * Block);
        Assert.Equal(CuFileCode.PinningFailed, queue.RegistrationError?.Code);
        queue.Enqueue(0, new(0, 0, Block, 0x20_0000));
        queue.Submit();
        Assert.Null(Assert.Single(Ended(queue, 1)).Error);
        Assert.Equal(0x20_0000, cuFile.Submitted[0].MemoryBase);
        queue.Unregister(0x10_0000);
    }

    [Fact]
    public void Short_reads_are_told_as_their_bytes()
    {
        var cuFile = new FakeCuFile(1) { Outcome = r => (CuFileStatus.Complete, r.FileOffset == 0 ? 12288 : 0) };
        using var queue = new CuFileReads(cuFile, 2);
        queue.Enqueue(0, new(0, 0, Block, 0x20_0000));
        queue.Enqueue(1, new(0, Block, Block, 0x20_0000));
        queue.Submit();
        Assert.Equal([(0, 12288), (1, 0)], Ended(queue, 2).OrderBy(c => c.Tag).Select(c => (c.Tag, c.Bytes)));
    }

    [Theory]
    [InlineData((int)CuFileStatus.Failed, -5, "Input/output error")]
    [InlineData((int)CuFileStatus.Failed, -5010, "nvidia-fs")]
    [InlineData((int)CuFileStatus.Failed, 0, "CUFILE_FAILED")]
    [InlineData((int)CuFileStatus.TimedOut, 0, "CUFILE_TIMEOUT")]
    [InlineData((int)CuFileStatus.Invalid, 0, "CUFILE_INVALID")]
    [InlineData((int)CuFileStatus.Canceled, 0, "CUFILE_CANCELED")]
    [InlineData(0x80, 0, "0x80")]
    [InlineData((int)CuFileStatus.Complete, -5, "Input/output error")]
    [InlineData((int)CuFileStatus.Complete, Block + 1, "1048577")]
    public void A_read_that_failed_says_how(int status, long result, string words)
    {
        var cuFile = new FakeCuFile(1) { Outcome = r => r.FileOffset == 0 ? ((CuFileStatus)status, result) : (CuFileStatus.Complete, Block) };
        using var queue = new CuFileReads(cuFile, 4);
        for (var tag = 0; tag < 4; tag++)
        {
            queue.Enqueue(tag, new(0, (long)tag * Block, Block, 0x20_0000));
        }

        queue.Submit();
        var ended = Ended(queue, 4).OrderBy(c => c.Tag).ToArray();
        Assert.Contains(words, ended[0].Error?.Message, StringComparison.Ordinal);
        Assert.Equal(0, ended[0].Bytes);
        Assert.All(ended[1..], c => Assert.Null(c.Error));
    }

    [Theory]
    [InlineData((int)CuFileCode.BatchSubmitFailed, false)]
    [InlineData((int)CuFileCode.BatchFull, true)]
    public void A_batch_that_cannot_be_started_fails_its_read_and_no_other(int code, bool isTransient)
    {
        var answers = new Queue<CuFileCode>([CuFileCode.Success, (CuFileCode)code]);
        var cuFile = new FakeCuFile(1) { SubmitAnswer = () => answers.TryDequeue(out var answer) ? answer : CuFileCode.Success };
        using var queue = new CuFileReads(cuFile, 4);
        for (var tag = 0; tag < 4; tag++)
        {
            queue.Enqueue(tag, new(0, (long)tag * Block, Block, 0x20_0000));
        }

        queue.Submit();
        var ended = Ended(queue, 4).OrderBy(c => c.Tag).ToArray();
        Assert.Equal([1], ended.Where(c => c.Error is not null).Select(c => c.Tag));
        Assert.Equal((0, isTransient), (ended[1].Bytes, ended[1].Error!.IsTransient));
        Assert.Contains(code.ToString(System.Globalization.CultureInfo.InvariantCulture), ended[1].Error!.Message, StringComparison.Ordinal);

        // Its batch was replaced.
        Assert.All(Pump(queue, cuFile, 100), c => Assert.Null(c.Error));
        Assert.Equal((5, 1), (cuFile.Batches.Count, cuFile.Batches.Count(b => b.IsDisposed)));
    }

    [Fact]
    public void A_batch_whose_state_cannot_be_had_is_destroyed_before_its_read_is_told_as_failed()
    {
        var isBroken = true;
        var cuFile = new FakeCuFile(1) { StatusAnswer = () => isBroken ? CuFileCode.InternalError : CuFileCode.Success };
        using var queue = new CuFileReads(cuFile, 2);
        queue.Enqueue(0, new(0, 0, Block, 0x20_0000));
        queue.Enqueue(1, new(0, 0, Block, 0x20_0000));
        queue.Submit();
        var ended = Ended(queue, 2);
        Assert.All(ended, c => Assert.Contains("5030", c.Error?.Message, StringComparison.Ordinal));
        Assert.Equal(0, cuFile.InFlight);
        Assert.Equal((2, 2), (cuFile.Batches.Count, cuFile.Batches.Count(b => b.IsDisposed)));
        isBroken = false;
        Assert.All(Pump(queue, cuFile, 100), c => Assert.Null(c.Error));
        Assert.Equal((4, 2), (cuFile.Batches.Count, cuFile.Batches.Count(b => b.IsDisposed)));
    }

    [Fact]
    public void A_state_that_can_be_had_again_before_the_third_time_does_no_harm()
    {
        var asked = 0;
        var cuFile = new FakeCuFile(1) { StatusAnswer = () => ++asked % 3 != 0 ? CuFileCode.InternalError : CuFileCode.Success };
        using var queue = new CuFileReads(cuFile, 1);
        Assert.All(Pump(queue, cuFile, 20), c => Assert.Null(c.Error));
        Assert.False(Assert.Single(cuFile.Batches).IsDisposed);
    }

    [Fact]
    public void Without_a_batch_reads_fail_and_do_not_hang_until_there_is_one_again()
    {
        var cuFile = new FakeCuFile(1) { SubmitAnswer = () => CuFileCode.InternalError };
        using var queue = new CuFileReads(cuFile, 2);
        cuFile.CreateAnswer = CuFileCode.NvidiaFsError;
        foreach (var words in new[] { "5030", "5010", "5010" })
        {
            queue.Enqueue(0, new(0, 0, Block, 0x20_0000));
            queue.Submit();
            Assert.Contains(words, Assert.Single(Ended(queue, 1)).Error?.Message, StringComparison.Ordinal);
        }

        cuFile.SubmitAnswer = () => CuFileCode.Success;
        cuFile.CreateAnswer = CuFileCode.Success;
        Assert.All(Pump(queue, cuFile, 20), c => Assert.Null(c.Error));
    }

    [Fact]
    public void A_wait_ends_with_its_time_and_when_it_is_woken()
    {
        var cuFile = new FakeCuFile(1) { Outcome = _ => null };
        using var queue = new CuFileReads(cuFile, 2, drainLimit: TimeSpan.Zero);
        queue.Enqueue(0, new(0, 0, Block, 0x20_0000));
        queue.Submit();
        var completions = new ReadCompletion[2];
        var start = Stopwatch.GetTimestamp();
        Assert.Equal(0, queue.Reap(completions, TimeSpan.FromMilliseconds(30)));
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalMilliseconds, 25, 5000);
        Assert.True(cuFile.Looks <= 1000, $"{cuFile.Looks} looks in 30 ms: a core was burnt");

        queue.Wake();
        Assert.Equal(0, queue.Reap(completions, Long));
        var waker = new Thread(() =>
        {
            Thread.Sleep(20);
            queue.Wake();
        });
        waker.Start();
        Assert.Equal(0, queue.Reap(completions, Long));
        waker.Join();
        Assert.True(Stopwatch.GetElapsedTime(start) < Long);
    }

    [Fact]
    public void An_idle_queue_waits_and_can_be_woken()
    {
        using var queue = new CuFileReads(new FakeCuFile(1), 2);
        var completions = new ReadCompletion[2];
        Assert.Equal(0, queue.Reap(completions, TimeSpan.FromMilliseconds(5)));
        queue.Wake();
        Assert.Equal(0, queue.Reap(completions, Long));
    }

    [Fact]
    public void A_read_that_is_given_up_ends_alone_and_its_batch_is_used_again()
    {
        var isStuck = true;
        var cuFile = new FakeCuFile(1) { Outcome = r => isStuck ? null : (CuFileStatus.Complete, (long)r.Bytes) };
        using var queue = new CuFileReads(cuFile, 4);
        for (var tag = 0; tag < 4; tag++)
        {
            queue.Enqueue(tag, new(0, (long)tag * Block, Block, 0x20_0000));
        }

        queue.Submit();
        queue.Cancel(1);
        var given = Assert.Single(Ended(queue, 1));
        Assert.Equal((1, 0, false), (given.Tag, given.Bytes, given.Error!.IsTransient));
        Assert.Equal(3, cuFile.InFlight);
        queue.Cancel(1);
        isStuck = false;
        Assert.All(Ended(queue, 3), c => Assert.Null(c.Error));
        Assert.All(Pump(queue, cuFile, 50), c => Assert.Null(c.Error));
        Assert.Equal(4, cuFile.Batches.Count);
    }

    [Fact]
    public void An_event_that_comes_late_or_twice_ends_no_other_read()
    {
        var told = default(CuFileEvent?);
        var cookies = new List<long>();
        var cuFile = new Hooked { Started = r => cookies.Add(r.Cookie), Status = _ => told };
        using var queue = new CuFileReads(cuFile, 1, drainLimit: TimeSpan.Zero);
        var completions = new ReadCompletion[1];
        queue.Enqueue(0, new(0, 0, Block, 0x20_0000));
        queue.Submit();
        var first = new CuFileEvent { Cookie = cookies[0], Status = CuFileStatus.Complete, Result = Block };
        told = first;
        Assert.Equal(1, queue.Reap(completions, Long));
        Assert.Equal(0, queue.Reap(completions, TimeSpan.Zero));

        queue.Enqueue(0, new(0, Block, Block, 0x20_0000));
        queue.Submit();
        Assert.NotEqual(cookies[0], cookies[1]);
        Assert.Equal(0, queue.Reap(completions, TimeSpan.FromMilliseconds(3)));
        told = first with { Cookie = cookies[1] ^ 1 };
        Assert.Equal(0, queue.Reap(completions, TimeSpan.FromMilliseconds(3)));
        told = first with { Cookie = cookies[1], Result = 4096 };
        Assert.Equal(1, queue.Reap(completions, Long));
        Assert.Equal((0, 4096), (completions[0].Tag, completions[0].Bytes));
    }

    [Fact]
    public async Task Memory_comes_and_goes_on_other_threads_while_reads_go_on()
    {
        var cuFile = new FakeCuFile(1);
        using var queue = new CuFileReads(cuFile, 4);
        queue.Register(0x20_0000, Block);
        using var stop = new CancellationTokenSource();
        var others = Enumerable.Range(1, 2).Select(n => Task.Run(() =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                nint address = (n << 28) + (i % 4 * Block);
                queue.Register(address, Block);
                queue.Unregister(address);
            }
        })).ToArray();
        var ended = Pump(queue, cuFile, 5000);
        await stop.CancelAsync();
        await Task.WhenAll(others);
        Assert.All(ended, c => Assert.Null(c.Error));
        Assert.All(cuFile.Submitted, r => Assert.Equal((0x20_0000, 0L), (r.MemoryBase, r.MemoryOffset)));
        Assert.Equal([0x20_0000], cuFile.Memory.Keys);
    }

    [Fact]
    public void Disposal_drains_what_is_in_flight_and_then_gives_everything_back()
    {
        var calls = 0;
        var cuFile = new FakeCuFile(1) { Outcome = r => ++calls > 40 ? (CuFileStatus.Complete, (long)r.Bytes) : null, HonoursCancel = false };
        var queue = new CuFileReads(cuFile, 8);
        queue.Register(0x10_0000, Block);
        for (var tag = 0; tag < 8; tag++)
        {
            queue.Enqueue(tag, new(0, 0, Block, 0x20_0000));
        }

        queue.Submit();
        queue.Dispose();
        Assert.True(cuFile.IsDisposed);
        Assert.True(calls >= 40);
        queue.Dispose();
    }

    [Fact]
    public void Disposal_does_not_wait_for_ever()
    {
        var cuFile = new FakeCuFile(1) { Outcome = _ => null, HonoursCancel = false };
        var queue = new CuFileReads(cuFile, 2, drainLimit: TimeSpan.FromMilliseconds(100));
        queue.Enqueue(0, new(0, 0, Block, 0x20_0000));
        queue.Submit();
        queue.Dispose();
        Assert.True(cuFile.IsDisposed);
    }

    [Fact]
    public void Without_batches_there_is_no_queue_and_nothing_is_left()
    {
        var cuFile = new FakeCuFile(1) { CreateAnswer = CuFileCode.NvidiaFsError };
        var error = Assert.Throws<CuFileException>(() => new CuFileReads(cuFile, 2));
        Assert.Contains("5010", error.Message, StringComparison.Ordinal);
        Assert.True(cuFile.IsDisposed);
    }

    [Fact]
    public void Reading_on_and_on_allocates_nothing()
    {
        var cuFile = new Hooked { Status = r => new() { Cookie = r.Cookie, Status = CuFileStatus.Complete, Result = Block } };
        using var queue = new CuFileReads(cuFile, 8);
        var completions = new ReadCompletion[8];
        void Round()
        {
            for (var tag = 0; tag < 8; tag++)
            {
                queue.Enqueue(tag, new(0, 0, Block, 0x20_0000));
            }

            queue.Submit();
            for (var ended = 0; ended < 8;)
            {
                ended += queue.Reap(completions, Long);
            }
        }

        Round();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            Round();
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    /// <summary>Keeps the queue full.</summary>
    static List<ReadCompletion> Pump(CuFileReads queue, FakeCuFile cuFile, int reads, Action<int>? afterSubmit = null)
    {
        var free = new Queue<int>(Enumerable.Range(0, queue.Depth));
        var ended = new List<ReadCompletion>();
        var completions = new ReadCompletion[queue.Depth];
        var next = 0;
        var start = Stopwatch.GetTimestamp();
        while (ended.Count < reads)
        {
            while (next < reads && free.TryDequeue(out var tag))
            {
                queue.Enqueue(tag, new(0, (long)next++ * Block, Block, 0x20_0000));
            }

            queue.Submit();
            afterSubmit?.Invoke(next);
            Assert.True(cuFile.InFlight <= queue.Depth);
            var count = queue.Reap(completions, TimeSpan.FromMilliseconds(100));
            foreach (var completion in completions.AsSpan(0, count))
            {
                Assert.DoesNotContain(completion.Tag, free);
                free.Enqueue(completion.Tag);
                ended.Add(completion);
            }

            Assert.True(Stopwatch.GetElapsedTime(start) < Long, "the queue hangs");
        }

        return ended;
    }

    static List<ReadCompletion> Ended(CuFileReads queue, int reads)
    {
        var ended = new List<ReadCompletion>();
        var completions = new ReadCompletion[queue.Depth];
        var start = Stopwatch.GetTimestamp();
        while (ended.Count < reads)
        {
            ended.AddRange(completions.AsSpan(0, queue.Reap(completions, TimeSpan.FromMilliseconds(100))).ToArray());
            Assert.True(Stopwatch.GetElapsedTime(start) < Long, $"{ended.Count} of {reads} reads ended");
        }

        return ended;
    }

    /// <summary>A cuFile whose batches say what they are told to, and which allocates nothing.</summary>
    sealed class Hooked : ICuFile
    {
        public Action<CuFileRead> Started { get; init; } = _ => { };

        public required Func<CuFileRead, CuFileEvent?> Status { get; init; }

        public string Version => "1.15";

        public nint FileAt(int index) => 1;

        public ICuFileBatch CreateBatch() => new Batch(this);

        public CuFileError Register(nint address, long bytes) => default;

        public void Unregister(nint address)
        {
        }

        public void Dispose()
        {
        }

        sealed class Batch(Hooked owner) : ICuFileBatch
        {
            CuFileRead _read;

            public CuFileError Submit(in CuFileRead read)
            {
                _read = read;
                owner.Started(read);
                return default;
            }

            public CuFileError GetStatus(out CuFileEvent? happened)
            {
                happened = owner.Status(_read);
                return default;
            }

            public CuFileError Cancel() => default;

            public void Dispose()
            {
            }
        }
    }
}
