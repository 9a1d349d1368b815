using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Models;
using NvStream.Streaming;
using NvStream.Tests.Async;

namespace NvStream.Tests.Streaming;

public sealed class ResidencyPlannerTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("nvstream").FullName;
    readonly CpuDevice _device = new(1);

    public void Dispose()
    {
        _device.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(2048, 8192, 16, 32768)]
    [InlineData(8192, 28672, 80, 128256)]
    [InlineData(256, 768, 3, 128256)]
    public void Every_budget_gives_a_plan_within_it_and_more_budget_never_streams_more(int dim, int ffn, int layers, int vocabulary)
    {
        var (spec, layouts) = Shape(dim, ffn, layers, vocabulary);
        var all = layouts.Sum(l => l.Bytes);
        var least = Assert.Throws<BudgetException>(() => Plan(spec, layouts, 0)).LeastBytes;
        Assert.Throws<BudgetException>(() => Plan(spec, layouts, least - 1));

        var (last, lastRows) = (long.MaxValue, 0);
        for (var i = 0; i <= 40; i++)
        {
            var plan = Plan(spec, layouts, least + (long)(i / 30.0 * all));
            Assert.InRange(plan.TotalBytes, 1, plan.DeviceBudget);
            Assert.Equal(layouts.Sum(l => l.Bytes), plan.ResidentBytes + plan.BytesPerPass);
            Assert.True(plan.KvTokens >= plan.ContextLength);
            Assert.True(plan.BytesPerPass == 0 || plan.SlotCount >= 2);
            Assert.All(plan.Layers.Where(l => l.Tier == Tier.Storage), l => Assert.InRange(l.Bytes, 1, plan.SlotBytes));

            // A longer prefill chunk is bought with work space, and may so cost a layer or two.
            var bought = plan.PassRows == lastRows ? 0 : 2 * layouts.Max(l => l.Bytes);
            Assert.InRange(plan.BytesPerPass, 0, last == long.MaxValue ? last : last + bought);
            (last, lastRows) = (plan.BytesPerPass, plan.PassRows);
        }

        Assert.Equal(0, last);
    }

    [Fact]
    public void Streamed_layers_are_spread_among_resident_ones()
    {
        var (spec, layouts) = Shape(2048, 8192, 16, 32768);
        var plan = Plan(spec, layouts, layouts.Sum(l => l.Bytes) * 3 / 4);
        var streamed = plan.Layers.SkipLast(1).Where(l => l.Tier == Tier.Storage).Select(l => l.Index).ToList();
        Assert.InRange(streamed.Count, 4, 12);
        var distances = streamed.Zip(streamed.Skip(1), (a, b) => b - a).Append(streamed[0] + 16 - streamed[^1]).ToList();
        Assert.InRange(distances.Max() - distances.Min(), 0, 1);
    }

    [Fact]
    public void Slots_and_cells_asked_for_are_given()
    {
        var (spec, layouts) = Shape(2048, 8192, 16, 32768);
        var budget = layouts.Sum(l => l.Bytes) / 2 + (256L << 20);
        var plan = ResidencyPlanner.Plan(spec, layouts, _device, new(budget, 512, KvTokens: 2048, SlotCount: 5));
        Assert.Equal((5, 2048, 512), (plan.SlotCount, plan.KvTokens, plan.ContextLength));
        Assert.InRange(plan.TotalBytes, 1, budget);
    }

    [Theory]
    [InlineData(2048, 8192, 16, 32768)]
    [InlineData(256, 768, 3, 128256)]
    public void Host_memory_takes_what_it_holds_and_storage_the_rest_evenly(int dim, int ffn, int layers, int vocabulary)
    {
        using var device = new AsyncFakeDevice();
        var (spec, layouts) = Shape(dim, ffn, layers, vocabulary);
        var budget = (Assert.Throws<BudgetException>(() => Plan(0, 0)).LeastBytes / 65536 + 1) * 65536 + layouts.Sum(l => l.Bytes) / 4;
        var alone = Plan(budget, 0);
        Assert.Equal((0, 0, 0), (alone.HostBytes, alone.StagingBytes, alone.HostBudget));
        var last = alone.BytesPerPass;
        for (var i = 1; i <= 30; i++)
        {
            var plan = Plan(budget, i * (alone.BytesPerPass + alone.SlotBytes) / 30);
            Assert.InRange(plan.HostBytes + plan.StagingBytes, 0, plan.HostBudget);
            Assert.InRange(plan.ReservedBytes, 1, plan.DeviceBudget);
            Assert.Equal(0, plan.DeviceBudget % device.AllocationGranularity);
            Assert.Equal(layouts.Sum(l => l.Bytes), plan.ResidentBytes + plan.HostBytes + plan.BytesPerPass);
            Assert.Equal(plan.HostBytes, plan.Layers.Where(l => l.Tier == Tier.Host).Sum(l => l.Bytes));
            Assert.All(plan.Layers.Where(l => l.Tier == Tier.Host), l => Assert.InRange(l.Bytes, 1, plan.SlotBytes));
            Assert.InRange(plan.BytesPerPass, 0, last);
            last = plan.BytesPerPass;

            // Between two layers from storage there are as many from host memory, give or take one; a pass begins with one.
            var streamed = plan.Layers.Where(l => l.Tier != Tier.Device).Select(l => l.Tier).ToList();
            var read = streamed.Select((tier, at) => (tier, at)).Where(x => x.tier == Tier.Storage).Select(x => x.at).ToList();
            if (read.Count > 0)
            {
                var distances = read.Zip(read.Skip(1), (a, b) => b - a).Append(read[0] + streamed.Count - read[^1]).ToList();
                Assert.Equal(0, read[0]);
                Assert.InRange(distances.Max() - distances.Min(), 0, 1);
            }
        }

        Assert.Equal(0, last);
        Assert.Equal(0, ResidencyPlanner.Plan(spec, layouts, _device, new(budget, 512, HostBudget: 1L << 40)).HostBytes);

        ResidencyPlan Plan(long deviceBytes, long hostBytes) =>
            ResidencyPlanner.Plan(spec, layouts, device, new(deviceBytes, 512, HostBudget: hostBytes));
    }

    ResidencyPlan Plan(ModelSpec spec, LayerLayout[] layouts, long budget) => ResidencyPlanner.Plan(spec, layouts, _device, new(budget, 512));

    (ModelSpec Spec, LayerLayout[] Layouts) Shape(int dim, int ffn, int layers, int vocabulary)
    {
        var path = Path.Combine(_folder, $"{dim}-{layers}.gguf");
        var shape = new SyntheticModel
        {
            EmbeddingLength = dim, FeedForwardLength = ffn, HeadCount = dim / 64, KeyValueHeadCount = Math.Max(1, dim / 512), LayerCount = layers, VocabularySize = vocabulary,
        };
        shape.Write(path, new() { Sparse = true });
        using var file = GgufFile.Open(path);
        var spec = ModelSpec.FromGguf(file);
        return (spec, LayerLayout.Read(file, spec, _device.Supports));
    }
}
