using System.Diagnostics;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Inference;
using NvStream.Measurement;
using NvStream.Storage;
using NvStream.Tests.Async;
using NvStream.Tests.Gguf;
using NvStream.Tests.Streaming;

namespace NvStream.Tests.Measurement;

[Collection(SerialCollection.Name)]
public sealed class PathBenchmarkTests : IDisposable
{
    static readonly PathRequest s_small = new()
    {
        Device = "Cpu",
        BlockSizes = [1 << 20],
        QueueDepths = [4],
        Size = 32 << 20,
    };

    readonly TemporaryFolder _folder = new();
    readonly List<NvmeMeasurement> _rows = [];
    readonly List<UnavailableRoute> _unavailable = [];

    public void Dispose() => _folder.Dispose();

    static CancellationToken Token => TestContext.Current.CancellationToken;

    void Run(string path, PathRequest request, IProgress<PathProgress>? progress = null) =>
        PathBenchmark.Run(path, request, _rows.Add, _unavailable.Add, progress, Token);

    string MakeFile(int bytes, int seed = 1)
    {
        var content = new byte[bytes];
        new Random(seed).NextBytes(content);
        return _folder.File($"file-{seed}", content);
    }

    void SkipWithoutDirectReads() => Assert.SkipWhen(
        _unavailable.Exists(u => u.Route == RouteKind.HostDirect), $"{_unavailable.Find(u => u.Route == RouteKind.HostDirect)?.Reason}");

    [Fact]
    public void Every_route_of_a_host_device_is_measured_and_verified()
    {
        Run(_folder.FullName, s_small);
        SkipWithoutDirectReads();
        Assert.Equal([RouteKind.GpuDirect, RouteKind.CuFileCompat, RouteKind.HostStaged], _unavailable.Select(u => u.Route));
        Assert.All(_unavailable, u => Assert.False(u.WasAskedFor));
        Assert.All(_unavailable, u => Assert.DoesNotContain("cannot be had", u.Reason, StringComparison.Ordinal));
        Assert.All(_unavailable, u => Assert.NotEmpty(u.Remedy));
        Assert.Equal([RouteKind.HostDirect, RouteKind.Mapped, RouteKind.Mapped], _rows.Select(r => r.Route));
        Assert.All(_rows, row =>
        {
            Assert.True(row.IsVerified);
            Assert.Equal(_folder.FullName, row.Path);
            Assert.Equal((1 << 20, 4, "Cpu"), (row.BlockSize, row.QueueDepth, row.Device));
            Assert.Equal(3, row.Samples.Count);
            Assert.Equal(row.Samples.Order().ElementAt(1), row.Throughput);
            Assert.InRange(row.Throughput, 1e6, 1e12);
            Assert.True(row.StandardDeviation >= 0);
            Assert.InRange(row.CpuPercent, 0, 100.0 * Environment.ProcessorCount + 50);
            Assert.True(row.LatencyP99 >= row.LatencyP50 && row.LatencyP50 > TimeSpan.Zero);
            Assert.NotEmpty(row.Environment.Kernel);
            Assert.NotEmpty(row.RouteReason);
            Assert.Null(row.PredictedTokenRate);
        });
        if (OperatingSystem.IsLinux())
        {
            Assert.Equal([CacheState.Direct, CacheState.Cold, CacheState.Warm], _rows.Select(r => r.CacheState));
        }

        Assert.Empty(_folder.Names);
        Assert.Empty(ScratchFileTests.OpenHandles());
    }

    [Fact]
    public void A_given_file_is_read_as_it_is_and_stays()
    {
        var path = MakeFile((10 << 20) + 777);
        var content = File.ReadAllBytes(path);
        Run(path, s_small with { BlockSizes = [64 << 10, 1 << 20, 16 << 20], QueueDepths = [1, 8], Routes = [RouteKind.Mapped] });
        Assert.Empty(_unavailable);

        // Blocks larger than the file make no row; the others come cold, then warm.
        Assert.Equal(8, _rows.Count);
        Assert.All(_rows, row => Assert.True(row.IsVerified));
        Assert.All(_rows, row => Assert.Equal(path, row.Path));
        Assert.Equal(content, File.ReadAllBytes(path));
        Assert.Single(_folder.Names);
    }

    [Theory]
    [InlineData(RouteKind.HostDirect)]
    [InlineData(RouteKind.Mapped)]
    public void One_wrong_byte_is_not_verified(RouteKind kind)
    {
        var path = MakeFile(8 << 20);
        var wrong = File.ReadAllBytes(path);
        wrong[5_000_123] ^= 1;
        var other = _folder.File("other", wrong);
        using var handle = File.OpenHandle(other);
        using var device = new CpuDevice(1);
        PathBenchmark.RunOn(
            device, (k, files, d, options) => StorageRoutes.Open(k, [new(other, files[0].Length, handle)], d, options),
            path, s_small with { Routes = [kind] }, _rows.Add, _unavailable.Add, null, Token);
        SkipWithoutDirectReads();
        Assert.NotEmpty(_rows);
        Assert.All(_rows, row => Assert.False(row.IsVerified));
    }

    [Fact]
    public void A_file_that_changes_after_it_was_looked_at_is_not_verified()
    {
        var path = MakeFile(8 << 20);
        using var file = MeasuredFile.Open(path, s_small, isForCuFile: false, new(null), Token);
        Assert.True(IsVerified(file));

        using (var stream = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            stream.Position = 3_000_000;
            var old = stream.ReadByte();
            stream.Position = 3_000_000;
            stream.WriteByte((byte)(old ^ 0x80));
        }

        Assert.False(IsVerified(file));

        static bool IsVerified(MeasuredFile file)
        {
            using var device = new CpuDevice(1);
            using var route = StorageRoutes.Open(RouteKind.Mapped, [file.Stored], device, new(1 << 20, 4));
            using var window = new ReadWindow(device, route, ReadWindow.ShapeOf(1 << 20, 4, file.Bytes), file.Bytes, 0);
            window.Spoil();
            window.Run(window.Capacity, TimeSpan.MaxValue, _ => { }, Token);
            return window.Verify(file.Content, Token);
        }
    }

    [Fact]
    public void Bytes_that_never_come_are_missed()
    {
        using var device = new CpuDevice(1);
        PathBenchmark.RunOn(
            device, (_, _, _, _) => new FakeRoute(1, maxDelayMicroseconds: 0),
            MakeFile(4 << 20), s_small with { Routes = [RouteKind.HostDirect], Repeat = 1 }, _rows.Add, _unavailable.Add, null, Token);
        Assert.False(Assert.Single(_rows).IsVerified);
    }

    [Fact]
    public void Spoilt_memory_does_not_verify_by_itself()
    {
        using var file = MeasuredFile.Open(MakeFile(8 << 20), s_small, isForCuFile: false, new(null), Token);
        using var device = new CpuDevice(1);
        using var route = StorageRoutes.Open(RouteKind.Mapped, [file.Stored], device, new(1 << 20, 4));
        using var window = new ReadWindow(device, route, ReadWindow.ShapeOf(1 << 20, 4, file.Bytes), file.Bytes, 0);
        window.Spoil();
        Assert.False(window.Verify(file.Content, Token));
    }

    [Fact]
    public void Bytes_staged_for_a_device_of_its_own_memory_are_verified_there()
    {
        using var device = new AsyncFakeDevice();
        var demand = StreamModel.DemandOf(Fixtures.DemoModel, new() { Device = "Cpu", ContextLength = 128 });
        PathBenchmark.RunOn(
            device, StorageRoutes.Open, _folder.FullName, s_small with { Size = 16 << 20, Repeat = 2, QueueDepths = [1, 8], Model = demand },
            _rows.Add, _unavailable.Add, null, Token);
        Assert.Null(device.BrokenRule);
        Assert.Equal([RouteKind.HostDirect, RouteKind.Mapped], _unavailable.Select(u => u.Route).Where(r => r is RouteKind.HostDirect or RouteKind.Mapped));
        var staged = _rows.FindAll(r => r.Route == RouteKind.HostStaged);
        Assert.True(staged.Count >= 2);
        Assert.All(staged, row =>
        {
            Assert.True(row.IsVerified);
            Assert.Equal("Cuda:0", row.Device);
            Assert.True(row.PredictedTokenRate > 0);
        });
        Assert.Equal(0, device.Memory.LiveBytes);
        Assert.Equal(0, device.HostMemory.LiveBytes);
    }

    [Fact]
    public void A_window_larger_than_the_device_makes_no_row_and_says_so()
    {
        using var device = new AsyncFakeDevice(memory: 16 << 20);
        var said = new List<string>();
        PathBenchmark.RunOn(
            device, StorageRoutes.Open, MakeFile(16 << 20), s_small with { Routes = [RouteKind.HostStaged], Log = said.Add },
            _rows.Add, _unavailable.Add, null, Token);
        Assert.Empty(_rows);
        Assert.Contains("HostStaged, 1 MiB x 4", Assert.Single(said), StringComparison.Ordinal);
    }

    [Fact]
    public void Routes_asked_for_by_name_that_cannot_be_had_are_named()
    {
        Run(MakeFile(1 << 20), s_small with { Routes = [RouteKind.HostStaged, RouteKind.GpuDirect] });
        Assert.Empty(_rows);
        Assert.Equal([RouteKind.HostStaged, RouteKind.GpuDirect], _unavailable.Select(u => u.Route));
        Assert.All(_unavailable, u => Assert.True(u.WasAskedFor));
    }

    [Theory]
    [InlineData("Writing")]
    [InlineData("Mapped, 1 MiB x 4: checking")]
    [InlineData("Mapped, 1 MiB x 4")]
    public void Cancelling_leaves_nothing(string during)
    {
        using var stop = new CancellationTokenSource();
        var before = CpuMemory.LiveBytes;
        long cancelled = 0;
        var progress = new Hearer(p =>
        {
            if (cancelled == 0 && p.Activity.StartsWith(during, StringComparison.Ordinal) && p.BytesDone > 0)
            {
                cancelled = Stopwatch.GetTimestamp();
                stop.Cancel();
            }
        });
        Assert.ThrowsAny<OperationCanceledException>(() => PathBenchmark.Run(
            _folder.FullName, s_small with { Size = 256 << 20, Routes = [RouteKind.Mapped], Repeat = 10 }, _rows.Add, _unavailable.Add, progress, stop.Token));
        Assert.NotEqual(0, cancelled);
        Assert.True(Stopwatch.GetElapsedTime(cancelled) < TimeSpan.FromSeconds(4), $"{Stopwatch.GetElapsedTime(cancelled)}");
        Assert.Empty(_folder.Names);
        Assert.Empty(ScratchFileTests.OpenHandles());
        Assert.Equal(before, CpuMemory.LiveBytes);
    }

    [Fact]
    public void A_read_that_fails_ends_the_call_and_frees_everything()
    {
        using var device = new CpuDevice(1);
        var before = CpuMemory.LiveBytes;
        var error = Assert.Throws<StorageException>(() => PathBenchmark.RunOn(
            device, (_, _, _, _) => new FakeRoute(1, maxDelayMicroseconds: 0) { FailAt = 3 << 20 },
            _folder.FullName, s_small with { Routes = [RouteKind.HostDirect], Size = 8 << 20 }, _rows.Add, _unavailable.Add, null, Token));
        Assert.Equal("StorageReadFailed", error.ErrorId);
        Assert.Empty(_rows);
        Assert.Empty(_folder.Names);
        Assert.Empty(ScratchFileTests.OpenHandles());
        Assert.Equal(before, CpuMemory.LiveBytes);
    }

    [Fact]
    public void With_a_model_every_row_predicts()
    {
        var demand = StreamModel.DemandOf(Fixtures.DemoModel, new() { Device = "Cpu", ContextLength = 128 });
        Run(Fixtures.DemoModel, s_small with { Routes = [RouteKind.Mapped], Model = demand, BlockSizes = [64 << 10] });
        Assert.NotEmpty(_rows);
        Assert.All(_rows, row => Assert.True(row.PredictedTokenRate > 0 && row.PredictedBatchTokenRate > 0));
        Assert.All(_rows, row => Assert.True(row.BindingTerm is not null && row.BatchBindingTerm is not null));
    }

    [Fact]
    public void Progress_names_the_step_and_never_goes_back_in_it()
    {
        var seen = new List<PathProgress>();
        Run(_folder.FullName, s_small with { Routes = [RouteKind.Mapped] }, new Hearer(seen.Add));
        Assert.Contains(seen, p => p.Activity.StartsWith("Writing", StringComparison.Ordinal));
        foreach (var step in seen.GroupBy(p => p.Activity))
        {
            Assert.All(step, p => Assert.InRange(p.BytesDone, 0, p.BytesTotal));
        }
    }

    [Fact]
    public void Requests_that_make_no_sense_are_refused()
    {
        foreach (var bad in new[]
        {
            s_small with { BlockSizes = [] }, s_small with { BlockSizes = [1000] }, s_small with { QueueDepths = [0] },
            s_small with { Repeat = 0 }, s_small with { Size = 100 },
        })
        {
            Assert.Throws<ArgumentException>(() => Run(_folder.FullName, bad));
        }

        Assert.Equal("PathUnreadable", Assert.Throws<StorageException>(() => Run(_folder.File("missing"), s_small)).ErrorId);
        Assert.Equal("PathUnreadable", Assert.Throws<StorageException>(() => Run(_folder.File("empty", []), s_small)).ErrorId);
    }

    sealed class Hearer(Action<PathProgress> hear) : IProgress<PathProgress>
    {
        public void Report(PathProgress value) => hear(value);
    }
}
