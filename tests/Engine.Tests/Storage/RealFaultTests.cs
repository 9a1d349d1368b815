using System.Diagnostics;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Storage;
using NvStream.Storage.Uring;

namespace NvStream.Tests.Storage;

/// <summary>
/// What routes make of a file system that is late, fails, is cut short or never answers: every way of reading, through
/// the kernel, over a mounted file system whose server is told what to do.
/// </summary>
[Collection(SerialCollection.Name)]
public sealed unsafe class RealFaultTests : IDisposable
{
    const int Page = FileExtent.Alignment;
    const int Block = 16 * Page;
    const int Depth = 4;
    const string Ring = "io_uring";

    /// <summary>The kernel keeps the read without a thread of its own: no cancellation reaches it.</summary>
    const string RingAsynchronous = "io_uring, asynchronous";
    const string Threads = "threads";
    const string Mapped = "mapped";
    const string ReadFailed = "StorageReadFailed";

    static readonly TimeSpan s_limit = TimeSpan.FromMilliseconds(300);
    static readonly byte[] s_content = File.ReadAllBytes(Fixtures.DemoModel);

    readonly CpuDevice _device = new(1);
    readonly DeviceMemory _memory;

    public RealFaultTests() => _memory = _device.Allocate((s_content.Length + Page - 1) / Page * Page, "test");

    public static TheoryData<string> Ways => [Ring, RingAsynchronous, Threads, Mapped];

    /// <summary>All but io_uring over FUSE without asynchronous reads: there the kernel itself goes on after a short read, at its beginning.</summary>
    public static TheoryData<string> WaysThatTakeShortReads => [RingAsynchronous, Threads, Mapped];

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _memory.Dispose();
        _device.Dispose();
    }

    [Theory]
    [MemberData(nameof(WaysThatTakeShortReads))]
    public void Bytes_arrive_as_they_are_however_late_and_short_the_reads(string way)
    {
        using var files = Mount(way);
        using var open = OpenRoute(way, files);
        var random = new Random(5);
        files.OnRead = (_, length) => new(
            MostBytes: length > Page && random.Next(3) == 0 ? random.Next(1, length / Page) * Page : int.MaxValue,
            Delay: TimeSpan.FromMilliseconds(random.Next(6)));
        AssertDelivers(open.Route, 0, s_content.Length);
        Assert.True(files.Reads > s_content.Length / Block * 5 / 4);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_failed_read_names_path_offset_route_and_reason_and_the_next_transfer_works(string way)
    {
        using var files = Mount(way);
        using var open = OpenRoute(way, files);
        files.OnRead = (offset, _) => new(offset == 5 * Block ? FaultyFileSystem.InputOutput : 0);
        var error = Assert.Throws<StorageException>(() => Deliver(open.Route, 0, 16 * Block));
        Assert.Equal(ReadFailed, error.ErrorId);
        Assert.Contains(
            $"Reading '{files.Path}' by route {open.Route.Kind} at byte {5 * Block}: {Block} bytes expected, 0 read (Input/output error", error.Message,
            StringComparison.Ordinal);
        Assert.NotEmpty(error.Remedy);
        files.Release();
        AssertDelivers(open.Route, 0, 16 * Block);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Reads_that_are_interrupted_a_few_times_deliver(string way)
    {
        using var files = Mount(way);
        using var open = OpenRoute(way, files);
        var reads = 0;
        files.OnRead = (_, _) => new((reads++ % 3) switch
        {
            0 => FaultyFileSystem.Interrupted,
            1 => FaultyFileSystem.TryAgain,
            _ => 0,
        });
        AssertDelivers(open.Route, 0, 16 * Block);
        Assert.True(reads > 32);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Reads_that_are_interrupted_for_ever_are_reported(string way)
    {
        using var files = Mount(way);
        using var open = OpenRoute(way, files);
        foreach (var error in (int[])[FaultyFileSystem.Interrupted, FaultyFileSystem.TryAgain])
        {
            files.OnRead = (offset, _) => new(offset == Block ? error : 0);
            var start = Stopwatch.GetTimestamp();
            var failure = Assert.Throws<StorageException>(() => Deliver(open.Route, 0, 4 * Block));
            Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 15);
            Assert.Equal(ReadFailed, failure.ErrorId);
            Assert.Contains($"at byte {Block}:", failure.Message, StringComparison.Ordinal);
            files.Release();
            AssertHeals(open.Route);
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_read_that_never_ends_is_given_up_and_the_route_works_again_when_it_has_ended(string way)
    {
        using var files = Mount(way);
        using var open = OpenRoute(way, files);
        files.OnRead = (offset, _) => new(Stalls: offset == 3 * Block);
        using var lost = new Transfer();
        var start = Stopwatch.GetTimestamp();
        var error = Assert.Throws<StorageException>(() => Deliver(lost, open.Route, 0, 8 * Block));
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, s_limit.TotalSeconds, 15);
        Assert.Equal(ReadFailed, error.ErrorId);
        Assert.Contains(
            $"Reading '{files.Path}' by route {open.Route.Kind} at byte {3 * Block}: {Block} bytes expected, none within 0.3 s", error.Message,
            StringComparison.Ordinal);
        Assert.Throws<StorageException>(() => Deliver(open.Route, 32 * Block, Block));
        Assert.Equal(1, files.Stalled);
        files.Release();
        Assert.True(SpinWait.SpinUntil(lost.Drain, 30_000));
        AssertHeals(open.Route);
    }

    [Fact]
    public void A_stalled_read_that_the_system_can_cancel_needs_no_release()
    {
        using var files = Mount(Ring);
        using var open = OpenRoute(Ring, files);
        files.AnswersInterrupts = true;
        files.OnRead = (offset, _) => new(Stalls: offset == 3 * Block);
        using var lost = new Transfer();
        Assert.Throws<StorageException>(() => Deliver(lost, open.Route, 0, 8 * Block));
        Assert.True(lost.Drain());
        Assert.True(files.Interrupts > 0);
        Assert.Equal(0, files.Stalled);
        files.OnRead = null;
        AssertHeals(open.Route);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_route_is_left_in_time_though_reads_never_end_and_frees_all_it_has_when_they_do(string way)
    {
        using var files = Mount(way);
        var before = Resources();
        var transfer = new Transfer();
        using (var open = OpenRoute(way, files))
        {
            files.OnRead = (_, _) => new(Stalls: true);
            transfer.Prepare([FileExtent.Around(0, 0, 8 * Block)], _memory.Address, Block);
            open.Route.Begin(transfer);
            Assert.True(SpinWait.SpinUntil(() => files.Stalled == Depth, 30_000));
            var start = Stopwatch.GetTimestamp();
            open.Route.Dispose();
            Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 15);
            Assert.True(transfer.IsFaulted);
        }

        Assert.NotEqual(before, Resources());
        files.Release();
        Assert.True(SpinWait.SpinUntil(() => Resources() == before, 30_000), $"{before} before, {Resources()} left");
        transfer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_device_that_is_gone_while_streaming_is_reported_until_it_is_back(string way)
    {
        using var files = Mount(way);
        using var open = OpenRoute(way, files);
        var reads = 0;
        files.OnRead = (_, _) => new(reads++ < 8 ? 0 : FaultyFileSystem.NoDevice);
        for (var i = 0; i < 3; i++)
        {
            var error = Assert.Throws<StorageException>(() => Deliver(open.Route, 0, 32 * Block));
            Assert.Equal(ReadFailed, error.ErrorId);
            Assert.Contains("No such device", error.Message, StringComparison.Ordinal);
        }

        files.Release();
        AssertDelivers(open.Route, 0, 32 * Block);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_file_system_that_is_torn_away_ends_the_reads_that_it_owes(string way)
    {
        using var files = Mount(way);
        var before = Resources();
        using (var open = OpenRoute(way, files))
        {
            files.OnRead = (offset, _) => new(Stalls: offset >= 4 * Block);
            using var transfer = new Transfer();
            transfer.Prepare([FileExtent.Around(0, 0, 32 * Block)], _memory.Address, Block);
            open.Route.Begin(transfer);
            Assert.True(SpinWait.SpinUntil(() => files.Stalled > 0, 30_000));
            files.Abort();
            Assert.Equal(ReadFailed, Assert.Throws<StorageException>(() => transfer.Wait(Token)).ErrorId);
            Assert.Equal(ReadFailed, Assert.Throws<StorageException>(() => Deliver(open.Route, 0, Block)).ErrorId);
        }

        Assert.True(SpinWait.SpinUntil(() => Resources() == before, 30_000), $"{before} before, {Resources()} left");
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_file_that_is_cut_while_streaming_is_an_error_that_says_so(string way)
    {
        using var files = Mount(way);
        using var open = OpenRoute(way, files);
        AssertDelivers(open.Route, 0, 16 * Block);
        files.Shrink(8 * Block + 512, changesTime: false);
        var error = Assert.Throws<StorageException>(() => Deliver(open.Route, 0, 16 * Block));
        Assert.Equal(ReadFailed, error.ErrorId);
        Assert.Contains("the file is shorter than when it was opened", error.Message, StringComparison.Ordinal);
        AssertDelivers(open.Route, 0, 8 * Block);
        files.Shrink(s_content.Length, changesTime: true);
        error = Assert.Throws<StorageException>(() => Deliver(open.Route, 0, Block));
        Assert.Contains("written to", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(WaysThatTakeShortReads))]
    public void A_read_that_stops_within_a_page_is_an_error_and_never_wrong_bytes(string way)
    {
        using var files = Mount(way);
        using var open = OpenRoute(way, files);
        files.OnRead = (offset, _) => new(MostBytes: offset == 2 * Block ? Page + 100 : int.MaxValue);
        var error = Assert.Throws<StorageException>(() => Deliver(open.Route, 0, 8 * Block));
        Assert.Contains($"at byte {2 * Block}: {Block} bytes expected, {Page + 100} read", error.Message, StringComparison.Ordinal);
        files.Release();
        AssertDelivers(open.Route, 0, 8 * Block);
    }

    [Fact]
    public void Files_that_a_program_serves_are_read_on_threads()
    {
        using var files = Mount(RingAsynchronous);
        using var open = new OpenedRoute(files.Path);
        open.Route = StorageRoutes.Open(RouteKind.Auto, [open.File], _device, new(Block, Depth));
        Assert.Equal(RouteKind.HostDirect, open.Route.Kind);
        Assert.Contains($"on {Depth} threads, because FUSE", open.Route.Reason, StringComparison.Ordinal);
        files.OnRead = (_, length) => new(MostBytes: Math.Max(Page, length / 2 / Page * Page));
        AssertDelivers(open.Route, 0, s_content.Length);
    }

    [Fact]
    public void Where_io_uring_is_refused_the_route_reads_on_threads_and_says_why()
    {
        using var open = new OpenedRoute(Fixtures.DemoModel);
        IStorageRoute? route = null;
        string? refusal = null;
        var filtered = new Thread(() =>
        {
            // The filter is this thread's alone, as a container's is all of its processes'.
            refusal = SystemCallFilter.RefuseIoUring();
            route = refusal is null ? StorageRoutes.Open(RouteKind.Auto, [open.File], _device, new(Block, Depth)) : null;
        });
        filtered.Start();
        filtered.Join();
        Assert.SkipUnless(refusal is null, $"a system call filter cannot be had: {refusal}");
        using (route)
        {
            Assert.Equal(RouteKind.HostDirect, route!.Kind);
            Assert.Equal(
                $"direct reads into the slots, on {Depth} threads, because io_uring cannot be had: Operation not permitted", route.Reason);
            AssertDelivers(route, 0, s_content.Length);
        }
    }

    static FaultyFileSystem Mount(string way) => FaultyFileSystem.MountOrSkip(s_content, way == RingAsynchronous);

    OpenedRoute OpenRoute(string way, FaultyFileSystem files)
    {
        var options = new RouteOptions(Block, Depth) { TimeLimit = s_limit };
        var open = new OpenedRoute(files.Path);
        switch (way)
        {
            case Mapped:
                open.Route = StorageRoutes.Open(RouteKind.Mapped, [open.File], _device, options);
                break;
            default:
                var direct = StoredFiles.TryOpenDirect([open.File], out var refusal);
                Assert.True(direct is not null, refusal);
                var queue = way == Threads ? ReadQueues.OpenThreads(direct, Depth) : (IReadQueue?)UringReads.TryOpen(direct, Depth, out refusal);
                if (queue is null)
                {
                    direct.Dispose();
                    open.Dispose();
                    files.Dispose();
                    Assert.Skip($"io_uring cannot be had: {refusal}");
                }

                open.Route = new HostRoute(RouteKind.HostDirect, way, queue, direct, options);
                break;
        }

        return open;
    }

    void AssertDelivers(IStorageRoute route, long offset, int bytes)
    {
        new Span<byte>((void*)_memory.Address, bytes).Clear();
        Deliver(route, offset, bytes);
        Assert.True(new ReadOnlySpan<byte>((void*)_memory.Address, bytes).SequenceEqual(s_content.AsSpan((int)offset, bytes)));
    }

    /// <summary>After a read that was given up: all is refused until it has ended, which may be a moment from now.</summary>
    void AssertHeals(IStorageRoute route)
    {
        Exception? error = null;
        Assert.True(SpinWait.SpinUntil(() => (error = Record.Exception(() => Deliver(route, 0, Block))) is null, 30_000), error?.Message);
        AssertDelivers(route, 0, 16 * Block);
    }

    void Deliver(IStorageRoute route, long offset, long bytes)
    {
        using var transfer = new Transfer();
        Deliver(transfer, route, offset, bytes);
    }

    void Deliver(Transfer transfer, IStorageRoute route, long offset, long bytes)
    {
        transfer.Prepare([FileExtent.Around(0, offset, bytes)], _memory.Address, Block);
        route.Begin(transfer);
        transfer.Wait(Token);
    }

    /// <summary>Descriptors of the file, rings, and the engine's own threads.</summary>
    static (int Files, int Rings, int Threads) Resources()
    {
        var links = Directory.GetFiles("/proc/self/fd").Select(f => new FileInfo(f).LinkTarget ?? "").ToList();
        return (
            links.Count(l => l.Contains("model.gguf", StringComparison.Ordinal)), links.Count(l => l.Contains(Ring, StringComparison.Ordinal)),
            Directory.GetDirectories("/proc/self/task").Count(IsEngineThread));
    }

    static bool IsEngineThread(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm")).StartsWith("NvStream", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            // It has just ended.
            return false;
        }
    }

    /// <summary>A route and the file that it reads.</summary>
    sealed class OpenedRoute(string path) : IDisposable
    {
        public StoredFile File { get; } = new(path, s_content.Length, System.IO.File.OpenHandle(path));

        public IStorageRoute Route { get; set; } = null!;

        public void Dispose()
        {
            Route?.Dispose();
            File.Handle.Dispose();
        }
    }
}
