using NvStream.Inference;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Tests.Async;

/// <summary>Whole models on a device whose memory is its own and whose work is done later: same text as on the CPU, from every tier.</summary>
[Collection(SerialCollection.Name)]
public sealed class AsyncDeviceTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    static readonly GenerationRequest Greedy = new() { Prompt = "", MaxTokens = 40, Sampling = new() { Temperature = 0 } };

    static readonly string[] Logs =
    [
        "2027-09-28T18:12:11Z ci-60 df: filesystem /boot is 97% full",
        "2024-08-10T04:05:34Z store-24 postgres: replica of billing lags by 645 seconds",
        "2029-10-21T05:39:00Z queue-84 rabbitmq: queue email consumer timeout after 6540ms",
    ];

    /// <summary>Small blocks, so that a layer is many, and few buffers, so that each is used often.</summary>
    static readonly ModelOptions Small = new() { ContextLength = 256, KvTokens = 768, BlockSize = 32 * 1024, QueueDepth = 3 };

    public enum Placement
    {
        Resident,
        Streamed,
        Host,
        ThreeTiers,
    }

    [Theory]
    [InlineData(Placement.Resident, 2)]
    [InlineData(Placement.Streamed, 2)]
    [InlineData(Placement.Streamed, 4)]
    [InlineData(Placement.Host, 2)]
    [InlineData(Placement.ThreeTiers, 2)]
    [InlineData(Placement.ThreeTiers, 3)]
    public async Task Every_tier_gives_the_text_of_the_cpu_within_the_budgets(Placement placement, int slots)
    {
        var requests = Requests();
        List<InferenceResult> expected;
        using (var cpu = StreamModel.Load(Fixtures.DemoModel, Small, null, Token))
        {
            expected = [.. await Task.WhenAll(requests.Select(r => cpu.SubmitAsync(r, Token)))];
        }

        for (var seed = 1; seed <= 3; seed++)
        {
            var device = new AsyncFakeDevice(seed);
            using (var model = Load(Options(placement) with { SlotCount = slots }, device))
            {
                var plan = model.Plan;
                Assert.Equal(RouteKind.HostStaged, model.Route);
                Assert.Equal(model.LayerCount, model.ResidentLayerCount + model.HostLayerCount + model.StreamedLayerCount);
                Assert.Equal(placement is Placement.Resident, model.ResidentLayerCount == model.LayerCount);
                Assert.Equal(placement is Placement.Host or Placement.ThreeTiers, model.HostLayerCount > 0);
                Assert.Equal(placement is Placement.Streamed or Placement.ThreeTiers, model.StreamedLayerCount > 0);

                Assert.InRange(plan.ReservedBytes, 1, plan.DeviceBudget);
                Assert.Equal(plan.ReservedBytes, device.Reserved);
                Assert.Equal(plan.TotalBytes, device.Memory.LiveBytes + device.ScratchReserved);
                Assert.InRange(plan.HostBytes + plan.StagingBytes, 0, plan.HostBudget);
                var ring = (Small.QueueDepth + 5) * Small.BlockSize;
                Assert.InRange(device.HostMemory.LiveBytes, plan.HostBytes + plan.StagingBytes, plan.HostBytes + plan.StagingBytes + ring);

                var results = await Task.WhenAll(requests.Select(r => model.SubmitAsync(r, Token)));
                Assert.Null(device.BrokenRule);
                for (var i = 0; i < results.Length; i++)
                {
                    Assert.Equal(expected[i].TokenIds, results[i].TokenIds);
                    Assert.Equal(results[i].Passes * model.BytesPerPass, results[i].BytesStreamed);
                    Assert.InRange(results[i].StallFraction, placement is Placement.Resident ? 0 : double.Epsilon, 1);
                    Assert.True(results[i].BoundRate > 0);
                }

                Assert.True(device.Replays > 10 || model.ResidentLayerCount == 0);
            }

            AssertAllFreed(device);
        }
    }

    [Theory]
    [InlineData(Placement.Resident)]
    [InlineData(Placement.Streamed)]
    [InlineData(Placement.Host)]
    [InlineData(Placement.ThreeTiers)]
    public async Task Cancellation_and_disposal_at_any_moment_leave_nothing_behind(Placement placement)
    {
        var random = new Random(5);
        for (var round = 0; round < 4; round++)
        {
            var device = new AsyncFakeDevice(round);
            List<Task<InferenceResult>> running;
            using (var model = Load(Options(placement), device))
            {
                for (var i = 0; i < 4; i++)
                {
                    using var cancel = new CancellationTokenSource();
                    var tasks = Logs.Select(l => model.SubmitAsync(Greedy with { Prompt = l }, cancel.Token)).ToList();
                    await Task.Delay(random.Next(12), Token);
                    await cancel.CancelAsync();
                    var results = await Task.WhenAll(tasks).WaitAsync(TimeSpan.FromSeconds(2), Token);
                    Assert.All(results, r => Assert.True(r.FinishReason is FinishReason.Cancelled or FinishReason.Length));
                }

                var after = await model.SubmitAsync(Greedy with { Prompt = Logs[0] }, Token);
                Assert.StartsWith("""{"time":"2027-09-28T18:12:11Z","host":"ci-60",""", after.Text, StringComparison.Ordinal);
                running = [.. Logs.Select(l => model.SubmitAsync(Greedy with { Prompt = l }, Token))];
                await Task.Delay(random.Next(12), Token);
            }

            foreach (var task in running)
            {
                if (await Record.ExceptionAsync(() => task) is { } error)
                {
                    Assert.Equal("ModelDisposed", Assert.IsAssignableFrom<NvStreamException>(error).ErrorId);
                }
            }

            AssertAllFreed(device);
        }
    }

    [Theory]
    [InlineData(Placement.Resident)]
    [InlineData(Placement.ThreeTiers)]
    public void Loading_that_is_cancelled_frees_what_it_has(Placement placement)
    {
        var options = Options(placement);
        for (var copies = 1; copies < 9; copies++)
        {
            using var cancel = new CancellationTokenSource();
            var device = new AsyncFakeDevice(copies, mostCopyDelayMicroseconds: 2_000)
            {
                OnCopy = copy =>
                {
                    if (copy == copies)
                    {
                        cancel.Cancel();
                    }
                },
            };
            Assert.ThrowsAny<OperationCanceledException>(() => StreamModel.LoadOn(Fixtures.DemoModel, options, () => device, null, cancel.Token));
            AssertAllFreed(device);
        }
    }

    [Fact]
    public void A_model_is_loaded_when_its_last_copy_is_done()
    {
        var device = new AsyncFakeDevice(mostCopyDelayMicroseconds: 20_000);
        using (Load(Options(Placement.Resident) with { BlockSize = 1 << 20 }, device))
        {
            Assert.False(device.IsCopying);
        }

        AssertAllFreed(device);
    }

    [Theory]
    [InlineData(Placement.Streamed)]
    [InlineData(Placement.ThreeTiers)]
    public async Task A_file_that_shrinks_while_streaming_is_an_error_and_whole_again_it_is_read_again(Placement placement)
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("nvstream").FullName, "shrinking.gguf");
        File.Copy(Fixtures.DemoModel, path);
        var written = File.GetLastWriteTimeUtc(path);
        try
        {
            var device = new AsyncFakeDevice();
            using (var model = StreamModel.LoadOn(path, Options(placement), () => device, null, Token))
            {
                await model.SubmitAsync(Greedy with { Prompt = Logs[0], MaxTokens = 2 }, Token);
                using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
                {
                    file.SetLength(file.Length / 3);
                }

                // What was read ahead may have come up short already; then it is the time of the last write that tells, and
                // with that set back, the length alone.
                await Fails("the file");
                await Fails("was written to");
                File.SetLastWriteTimeUtc(path, written);
                await Fails("the file is shorter");

                async Task Fails(string saying)
                {
                    var error = await Assert.ThrowsAsync<StorageException>(() => model.SubmitAsync(Greedy with { Prompt = Logs[0] }, Token));
                    Assert.Equal("StorageReadFailed", error.ErrorId);
                    Assert.Contains(saying, error.Message, StringComparison.Ordinal);
                }

                using (var target = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
                using (var source = File.OpenRead(Fixtures.DemoModel))
                {
                    await source.CopyToAsync(target, Token);
                }

                File.SetLastWriteTimeUtc(path, written);
                var after = await model.SubmitAsync(Greedy with { Prompt = Logs[0] }, Token);
                Assert.StartsWith("""{"time":"2027-09-28T18:12:11Z","host":"ci-60",""", after.Text, StringComparison.Ordinal);
            }

            AssertAllFreed(device);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }

    [Fact]
    public void A_device_that_has_less_than_the_budget_says_so_and_keeps_nothing()
    {
        var device = new AsyncFakeDevice(memory: 1 << 20);
        var error = Assert.ThrowsAny<NvStreamException>(() => Load(Small with { DeviceBudget = MemoryBudget.FromBytes(64 << 20) }, device));
        Assert.Equal("DeviceBudgetTooSmall", error.ErrorId);
        AssertAllFreed(device);
    }

    [Fact]
    public void The_least_budget_that_an_error_names_is_whole_units_and_does()
    {
        var error = Assert.Throws<BudgetException>(
            () => StreamModel.PlanOn(Fixtures.DemoModel, Small with { DeviceBudget = MemoryBudget.FromBytes(0) }, () => new AsyncFakeDevice()));
        var options = Small with { DeviceBudget = MemoryBudget.FromBytes(error.LeastBytes) };
        var plan = StreamModel.PlanOn(Fixtures.DemoModel, options, () => new AsyncFakeDevice());
        Assert.Equal(0, error.LeastBytes % plan.Granularity);
        Assert.Equal(error.LeastBytes, plan.ReservedBytes);
        Assert.Throws<BudgetException>(() => StreamModel.PlanOn(
            Fixtures.DemoModel, options with { DeviceBudget = MemoryBudget.FromBytes(error.LeastBytes - 1) }, () => new AsyncFakeDevice()));
    }

    [Theory]
    [InlineData(RouteKind.HostDirect)]
    [InlineData(RouteKind.Mapped)]
    [InlineData(RouteKind.GpuDirect)]
    [InlineData(RouteKind.CuFileCompat)]
    public void Routes_that_do_not_lead_into_the_device_are_refused_by_name(RouteKind route)
    {
        var device = new AsyncFakeDevice();
        var error = Assert.Throws<StorageException>(() => Load(Small with { Route = route }, device));
        Assert.Equal("RouteUnavailable", error.ErrorId);
        Assert.Contains("HostStaged", error.Remedy, StringComparison.Ordinal);
        AssertAllFreed(device);
    }

    [Fact]
    public void Staged_reads_go_through_the_page_cache_where_direct_ones_are_refused_and_say_so()
    {
        Assert.SkipUnless(Directory.Exists("/dev/shm") && new DriveInfo("/dev/shm").DriveFormat == "tmpfs", "there is no tmpfs at /dev/shm");
        var path = Path.Combine("/dev/shm", $"nvstream-{Guid.NewGuid():N}.gguf");
        File.Copy(Fixtures.DemoModel, path);
        try
        {
            using var model = StreamModel.LoadOn(path, Small with { Route = RouteKind.HostStaged }, () => new AsyncFakeDevice(), null, Token);
            Assert.Equal(RouteKind.HostStaged, model.Route);
            Assert.Contains("page cache", model.RouteReason, StringComparison.Ordinal);
            Assert.Contains("tmpfs", model.RouteReason, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Greedy, short lists and whole vocabularies, with and without penalties, all in the same passes.</summary>
    static List<GenerationRequest> Requests() =>
    [
        Greedy with { Prompt = Logs[0] },
        Greedy with { Prompt = Logs[1], Sampling = new() { Temperature = 3, TopK = 40, RepeatPenalty = 1.3f, Seed = 3 } },
        Greedy with { Prompt = Logs[2], MaxTokens = 25, Sampling = new() { Temperature = 2, TopK = 0, TopP = 1, MinP = 0, Seed = 4 } },
    ];

    static ModelOptions Options(Placement placement)
    {
        var least = Assert.Throws<BudgetException>(
            () => StreamModel.PlanOn(Fixtures.DemoModel, Small with { DeviceBudget = MemoryBudget.FromBytes(0), SlotCount = 4 }, () => new AsyncFakeDevice())).LeastBytes;
        var options = Small with { HostBudget = MemoryBudget.FromBytes(0), DeviceBudget = MemoryBudget.FromBytes(least) };
        var streamed = StreamModel.PlanOn(Fixtures.DemoModel, options, () => new AsyncFakeDevice());
        return placement switch
        {
            Placement.Resident => options with { DeviceBudget = MemoryBudget.FromBytes(256 << 20) },
            Placement.Streamed => options,
            Placement.Host => options with { HostBudget = MemoryBudget.FromBytes(64 << 20) },
            _ => options with { HostBudget = MemoryBudget.FromBytes(streamed.BytesPerPass / 2 + streamed.SlotBytes) },
        };
    }

    static StreamModel Load(ModelOptions options, AsyncFakeDevice device) =>
        StreamModel.LoadOn(Fixtures.DemoModel, options, () => device, null, Token);

    static void AssertAllFreed(AsyncFakeDevice device)
    {
        Assert.Null(device.BrokenRule);
        Assert.Equal((0, 0, 0), (device.Memory.LiveBytes, device.HostMemory.LiveBytes, device.ScratchReserved));
    }
}
