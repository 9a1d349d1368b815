using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Inference;
using NvStream.Measurement;
using NvStream.Streaming;

namespace NvStream.Tests.Measurement;

/// <summary>Cases worked out by hand: 40 MB of weights, 30 MB of them from storage, 8 MB from host memory.</summary>
public sealed class PredictionTests
{
    const double MB = 1e6;

    static ModelDemand Demand(int passSequences = 8, long storage = 30_000_000, long host = 8_000_000) => new()
    {
        Name = "by hand",
        Weights = [new(TensorType.F32, 1000, 1000, 10)],
        Plan = new()
        {
            Layers = [new(0, "blk.0", Tier.Storage, storage), new(1, "blk.1", Tier.Host, host), new(2, "output", Tier.Device, 2_000_000)],
            DeviceBudget = 0,
            Granularity = 1,
            HostBudget = 0,
            ResidentBytes = 2_000_000,
            HostBytes = host,
            StagingBytes = 0,
            SlotCount = 2,
            SlotBytes = 0,
            KvTokens = 0,
            KvBytes = 0,
            WorkspaceBytes = 0,
            PassRows = 8,
            PassSequences = passSequences,
            ContextLength = 0,
        },
    };

    static MeasuredRates Rates(double? link, double memory, double one, double eight) =>
        new(link, memory, TimeSpan.FromSeconds(one), TimeSpan.FromSeconds(eight));

    [Fact]
    public void A_slow_drive_binds()
    {
        var prediction = Prediction.Of(Demand(), Rates(link: null, 100 * MB, 1, 2), 10 * MB, 1);
        Assert.Equal(BindingTerm.Nvme, prediction.BindingTerm);
        Assert.Equal(3, prediction.PassTime.TotalSeconds, 6);
        Assert.Equal(1 / 3.0, prediction.TokenRate, 6);
    }

    [Fact]
    public void Eight_sequences_share_the_reads()
    {
        var prediction = Prediction.Of(Demand(), Rates(link: null, 100 * MB, 1, 2), 10 * MB, 8);
        Assert.Equal(BindingTerm.Nvme, prediction.BindingTerm);
        Assert.Equal(8 / 3.0, prediction.TokenRate, 6);
    }

    [Fact]
    public void A_pass_carries_no_more_sequences_than_the_plan_says() =>
        Assert.Equal(4 / 3.0, Prediction.Of(Demand(passSequences: 4), Rates(link: null, 100 * MB, 1, 2), 10 * MB, 8).TokenRate, 6);

    [Fact]
    public void Bytes_from_storage_and_host_memory_share_the_link()
    {
        var prediction = Prediction.Of(Demand(), Rates(10 * MB, 100 * MB, 1, 2), 10 * MB, 1);
        Assert.Equal(BindingTerm.Pcie, prediction.BindingTerm);
        Assert.Equal(1 / 3.8, prediction.TokenRate, 6);
    }

    [Theory]
    [InlineData(10, BindingTerm.Vram)]
    [InlineData(20, BindingTerm.Compute)]
    [InlineData(1, BindingTerm.Vram)]
    public void Products_bind_by_the_larger_of_their_two_parts(double memoryRate, BindingTerm expected)
    {
        var prediction = Prediction.Of(Demand(), Rates(link: null, memoryRate * MB, 5, 9), 1000 * MB, 1);
        Assert.Equal(expected, prediction.BindingTerm);
        Assert.Equal(0.2, prediction.TokenRate, 6);
    }

    [Fact]
    public void A_model_that_is_resident_does_not_wait_for_storage()
    {
        var prediction = Prediction.Of(Demand(storage: 0, host: 0), Rates(MB, 100 * MB, 1, 2), 1, 8);
        Assert.Equal(BindingTerm.Compute, prediction.BindingTerm);
        Assert.Equal(4, prediction.TokenRate, 6);
    }

    [Fact]
    public void A_model_s_demand_is_its_matrices_and_its_plan()
    {
        var options = new ModelOptions { Device = "Cpu", ContextLength = 128 };
        var demand = StreamModel.DemandOf(Fixtures.DemoModel, options);
        using var file = GgufFile.Open(Fixtures.DemoModel);
        var head = file.FindTensor("output.weight") ?? file.FindTensor("token_embd.weight")!;
        var expected = head.Bytes + file.Tensors.Where(t => t.Name.StartsWith("blk.", StringComparison.Ordinal) && t.Rows > 1).Sum(t => t.Bytes);
        Assert.Equal(expected, demand.WeightBytes);
        Assert.Equal(0, demand.StorageBytes);
        Assert.Equal(demand.Weights.OrderByDescending(w => w.Bytes), demand.Weights);

        using var model = StreamModel.Load(Fixtures.DemoModel, options, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(demand.Weights, model.Demand.Weights);
        Assert.Equal("named", StreamModel.DemandOf(Fixtures.DemoModel, options with { Name = "named" }).Name);
    }

    [Fact]
    public void A_device_s_rates_are_measured_with_the_model_s_own_shapes()
    {
        using var device = new CpuDevice();
        var demand = StreamModel.DemandOf(Fixtures.DemoModel, new() { Device = "Cpu", ContextLength = 128 });
        var rates = RateMeter.Measure(device, demand, new(null), TestContext.Current.CancellationToken);
        for (var again = 0; again < 5 && rates.ProductsOfEight <= rates.ProductsOfOne * 0.9; again++)
        {
            // Somebody else had the processors while the single rows were measured.
            rates = RateMeter.Measure(device, demand, new(null), TestContext.Current.CancellationToken);
        }

        Assert.Null(rates.Link);
        Assert.InRange(rates.Memory, 1e8, 1e13);
        Assert.InRange(demand.WeightBytes / rates.ProductsOfOne.TotalSeconds, 1e7, 1e13);
        Assert.True(rates.ProductsOfEight > rates.ProductsOfOne * 0.9, $"{rates}");
    }
}
