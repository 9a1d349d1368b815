using NvStream.Compute;
using NvStream.Inference;
using NvStream.Measurement;
using NvStream.Storage;
using NvStream.Streaming;
using NvStream.Tests.Gguf;

namespace NvStream.Tests.Cuda;

/// <summary>Routes into a real GPU's memory: what they deliver, and what they say of themselves.</summary>
[Collection(SerialCollection.Name)]
public sealed class CudaPathTests : IDisposable
{
    const string Answer =
        """{"time":"2027-09-28T18:12:11Z","host":"ci-60","source":"df","severity":"warning","category":"capacity","component":"/boot","action":"free disk space"}""";

    readonly TemporaryFolder _folder = new();
    readonly List<NvmeMeasurement> _rows = [];
    readonly List<UnavailableRoute> _unavailable = [];

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_route_is_measured_and_verified_on_the_card_or_says_why_it_cannot_be_had()
    {
        Gpu.Require();
        var request = new PathRequest { Device = "Cuda", Size = 64 << 20, BlockSizes = [1 << 20, 4 << 20], QueueDepths = [1, 8], Repeat = 2 };
        PathBenchmark.Run(_folder.FullName, request, _rows.Add, _unavailable.Add, null, Token);
        foreach (var row in _rows)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{row.Route} {row.BlockSize >> 20} MiB x {row.QueueDepth}: {row.Throughput / 1e9:F2} GB/s, {row.CacheState}, verified {row.IsVerified}: {row.RouteReason}");
        }

        foreach (var route in _unavailable)
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"{route.Route}: {route.Reason}. {route.Remedy}");
        }

        Assert.All(_rows, r => Assert.True(r.IsVerified));
        Assert.All(_rows, r => Assert.Equal("Cuda:0", r.Device));
        Assert.All(_rows, r => Assert.NotNull(r.Environment.Gpu));
        Assert.Contains(_rows, r => r.Route == RouteKind.HostStaged);
        Assert.All(_unavailable, u => Assert.NotEmpty(u.Remedy));
        Assert.Equal(5, _rows.Select(r => r.Route).Concat(_unavailable.Select(u => u.Route)).Distinct().Count());
    }

    [Theory]
    [InlineData(RouteKind.HostStaged)]
    [InlineData(RouteKind.CuFileCompat)]
    [InlineData(RouteKind.GpuDirect)]
    public async Task A_model_streams_the_same_text_by_every_route(RouteKind route)
    {
        Gpu.Require();
        var model = Load(route);
        using (model)
        {
            Assert.Equal(route, model.Route);
            Assert.True(model.StreamedLayerCount > 0 && model.HostLayerCount > 0, "the model must live in three tiers");
            TestContext.Current.TestOutputHelper?.WriteLine(model.RouteReason);
            for (var i = 0; i < 3; i++)
            {
                var result = await model.SubmitAsync(
                    new() { Prompt = "2027-09-28T18:12:11Z ci-60 df: filesystem /boot is 97% full", MaxTokens = 110, Sampling = new() { Temperature = 0 } }, Token);
                Assert.Equal(Answer, result.Text);
                Assert.True(result.BytesStreamed > 0);
            }
        }
    }

    static StreamModel Load(RouteKind route)
    {
        try
        {
            return StreamModel.Load(Fixtures.DemoModel, Options(route), null, Token);
        }
        catch (StorageException e) when (e.ErrorId == "RouteUnavailable" && route != RouteKind.HostStaged)
        {
            Assert.Skip($"{e.Message} {e.Remedy}");
            throw;
        }
    }

    static ModelOptions Options(RouteKind route)
    {
        var options = new ModelOptions
        {
            Device = "Cuda",
            Route = route,
            ContextLength = 256,
            DeviceBudget = MemoryBudget.FromBytes(0),
            HostBudget = MemoryBudget.FromBytes(2 << 20),
        };
        var error = Assert.Throws<BudgetException>(() => StreamModel.PlanOnly(Fixtures.DemoModel, options));
        return options with { DeviceBudget = MemoryBudget.FromBytes(error.LeastBytes) };
    }
}
