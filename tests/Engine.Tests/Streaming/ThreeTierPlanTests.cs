using System.Diagnostics;
using NvStream.Gguf;
using NvStream.Streaming;
using NvStream.Tests.Async;

namespace NvStream.Tests.Streaming;

/// <summary>Plans for models far larger than the device, in three tiers.</summary>
public sealed class ThreeTierPlanTests : IDisposable
{
    const long GiB = 1L << 30;

    readonly AsyncFakeDevice _device = new();

    public void Dispose() => _device.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(64)]
    public void A_70B_model_under_24_GiB_fills_every_budget_and_spreads_what_streams(int hostGiB)
    {
        var shape = PlannedShape.SeventyBillion;
        var plan = Plan(shape, new(24 * GiB, 4096, HostBudget: hostGiB * GiB));
        Check(shape, plan);

        // What is left of the device's budget is less than a layer, and the KV cache has some of that.
        Assert.InRange(plan.TotalBytes, 24 * GiB - shape.LargestBytes, 24 * GiB);
        Assert.Equal(2, plan.SlotCount);
        Assert.Equal(Tier.Device, plan.Layers[^1].Tier);

        var streamed = plan.Layers.Where(l => l.Tier != Tier.Device).ToList();
        AssertEven([.. streamed.Select(l => l.Index)], 80);
        var read = streamed.Index().Where(l => l.Item.Tier == Tier.Storage).Select(l => l.Index).ToList();
        Assert.Equal(hostGiB == 64, read.Count == 0);
        Assert.Equal(hostGiB == 0, plan.HostBytes == 0);
        if (hostGiB == 8)
        {
            AssertEven(read, streamed.Count);
            Assert.Equal(0, read[0]);
            Assert.InRange(plan.HostBytes + plan.StagingBytes, 8 * GiB - shape.LargestBytes, 8 * GiB);
        }
    }

    [Fact]
    public void Every_budget_and_shape_gives_a_plan_whose_sums_match()
    {
        for (var seed = 1; seed <= 25; seed++)
        {
            var random = new Random(seed);
            var shape = PlannedShape.Of(new()
            {
                EmbeddingLength = 256 * random.Next(1, 9),
                FeedForwardLength = 256 * random.Next(1, 20),
                HeadCount = 4,
                KeyValueHeadCount = 1 << random.Next(3),
                LayerCount = random.Next(1, 60),
                VocabularySize = random.Next(1000, 100_000),
                TiedEmbeddings = random.Next(2) == 0,
            });
            for (var i = 0; i < 20; i++)
            {
                var context = random.Next(1, 4096);
                int? slots = random.Next(3) == 0 ? random.Next(2, 7) : null;
                var companion = random.Next(2) == 0 ? new CompanionDemand(random.Next(64) * 65536L, random.Next(4096)) : null;
                var rates = random.Next(2) == 0 ? new PlanRates(Exponential(1e8, 1e11), Exponential(1e9, 1e11), Exponential(1e11, 1e15)) : null;
                int? cells = random.Next(3) == 0 ? random.Next(1, 8192) : null;
                var request = new PlanRequest(0, context, cells, slots, (long)(random.NextDouble() * 1.2 * shape.Bytes), companion, rates);
                var least = Assert.Throws<BudgetException>(() => Plan(shape, request)).LeastBytes;
                var plan = Plan(shape, request with { DeviceBudget = least + (long)(random.NextDouble() * 1.2 * shape.Bytes) });
                Check(shape, plan);
                Assert.InRange(plan.KvTokens, Math.Max(context, cells ?? 0), int.MaxValue);
                Assert.Equal(companion?.BytesFor(plan.KvTokens, _device.AllocationGranularity) ?? 0, plan.CompanionBytes);

                // As many whole layers as the host budget holds, were each as large as the largest.
                var streamed = plan.Layers.Count(l => l.Tier != Tier.Device);
                var inHost = plan.Layers.Count(l => l.Tier == Tier.Host);
                Assert.True(inHost == streamed || (inHost + 2) * plan.SlotBytes > plan.HostBudget, $"seed {seed}, plan {i}");
            }

            double Exponential(double low, double high) => low * Math.Pow(high / low, random.NextDouble());
        }
    }

    [Fact]
    public void A_plan_takes_milliseconds()
    {
        var shape = PlannedShape.SeventyBillion;
        var rates = new PlanRates(2.2e9, 55e9, 2e14);
        var fastest = TimeSpan.MaxValue;
        for (var i = 0; i < 10; i++)
        {
            var start = Stopwatch.GetTimestamp();
            Plan(shape, new(24 * GiB, 4096, HostBudget: 8 * GiB, Rates: rates));
            var time = Stopwatch.GetElapsedTime(start);
            fastest = time < fastest ? time : fastest;
        }

        TestContext.Current.SendDiagnosticMessage($"a plan took {fastest.TotalMilliseconds:0.00} ms");
        Assert.InRange(fastest.TotalMilliseconds, 0, 20);
    }

    [Fact]
    public void A_companion_is_taken_off_first_and_reserves_its_own()
    {
        var shape = PlannedShape.SeventyBillion;
        var request = new PlanRequest(24 * GiB, 4096);
        var alone = Plan(shape, request);
        var companion = new CompanionDemand(GiB, 32 * 1024);
        var plan = Plan(shape, request with { Companion = companion });
        Check(shape, plan);
        Assert.Equal(companion.BytesFor(plan.KvTokens, 65536), plan.CompanionBytes);
        Assert.Equal(0, alone.CompanionBytes);
        Assert.InRange(plan.ResidentBytes, alone.ResidentBytes - 3 * shape.LargestBytes, alone.ResidentBytes - GiB / 2);
        Assert.InRange(plan.ReservedBytes, 1, plan.DeviceBudget - plan.CompanionBytes);
        Assert.InRange(plan.TotalBytes, 24 * GiB - shape.LargestBytes, 24 * GiB);
    }

    [Fact]
    public void Spare_memory_becomes_cells_of_both_caches_up_to_the_last_one()
    {
        var shape = PlannedShape.Of(new() { EmbeddingLength = 512, FeedForwardLength = 1024, HeadCount = 8, LayerCount = 4, VocabularySize = 2000 });
        var companion = new CompanionDemand(1 << 20, 5000);
        var plan = Plan(shape, new(shape.Bytes + (64 << 20), 2048, Companion: companion));
        Assert.Equal(0, plan.SlotCount);
        Assert.InRange(plan.KvTokens, 2049, 16 * 2048 - 1);
        var own = NvStream.Models.KvCache.BytesOf(shape.Spec, 1);
        var oneMore = (own * (plan.KvTokens + 1) + 4095) / 4096 * 4096 + companion.BytesFor(plan.KvTokens + 1, 65536);
        Assert.InRange(plan.TotalBytes, 1, plan.DeviceBudget);
        Assert.True(plan.TotalBytes - plan.KvBytes - plan.CompanionBytes + oneMore > plan.DeviceBudget);
    }

    [Fact]
    public void A_companion_is_named_where_the_budget_is_too_small()
    {
        var shape = PlannedShape.SeventyBillion;
        var alone = Assert.Throws<BudgetException>(() => Plan(shape, new(GiB, 4096)));
        var error = Assert.Throws<BudgetException>(() => Plan(shape, new(GiB, 4096, Companion: new(GiB, 1000))));
        var bytes = new CompanionDemand(GiB, 1000).BytesFor(4096, 65536);
        Assert.Equal(alone.LeastBytes + bytes, error.LeastBytes);
        Assert.Contains($"{bytes} for the draft model", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("draft", alone.Message, StringComparison.Ordinal);
        Assert.Throws<BudgetException>(() => Plan(shape, new(error.LeastBytes - 65536, 4096, Companion: new(GiB, 1000))));
        Check(shape, Plan(shape, new(error.LeastBytes, 4096, Companion: new(GiB, 1000))));
    }

    [Theory]
    [InlineData(2.2e9, 1e12, 512)]
    [InlineData(2.2e9, 6e12, 1024)]
    [InlineData(2.2e9, 2e14, 2048)]
    [InlineData(1e12, 2e14, 512)]
    public void A_chunk_is_as_long_as_its_bytes_take_to_arrive(double storageRate, double arithmetic, int rows)
    {
        var shape = PlannedShape.SeventyBillion;
        var rates = new PlanRates(storageRate, 55e9 * Math.Max(1, storageRate / 1e10), arithmetic);
        var request = new PlanRequest(24 * GiB, 4096);
        var without = Plan(shape, request);
        var plan = Plan(shape, request with { Rates = rates });
        Check(shape, plan);
        Assert.Equal(512, without.PassRows);
        Assert.Equal(rows, plan.PassRows);
        Assert.InRange(plan.BytesPerPass, without.BytesPerPass, without.BytesPerPass * 1.06);
        Assert.True(rows == 512 || plan.WorkspaceBytes <= 0.05 * plan.DeviceBudget);
    }

    [Fact]
    public void A_chunk_is_never_longer_than_the_cells_nor_long_for_nothing()
    {
        var shape = PlannedShape.SeventyBillion;
        var rates = new PlanRates(2.2e9, 55e9, 2e14);
        Assert.Equal(512, Plan(shape, new(24 * GiB, 1000, Rates: rates)).PassRows);
        Assert.Equal(1024, Plan(shape, new(24 * GiB, 1500, Rates: rates)).PassRows);
        Assert.Equal(2048, Plan(shape, new(24 * GiB, 1000, KvTokens: 4000, Rates: rates)).PassRows);
        Assert.Equal(512, Plan(shape, new(80 * GiB, 4096, Rates: rates)).PassRows);

        // With little to stream, the layers that a longer chunk would push out weigh more than they would gain.
        var little = new PlanRequest(46 * GiB - GiB, 4096);
        Assert.InRange(Plan(shape, little with { Rates = rates }).BytesPerPass, 0, Plan(shape, little).BytesPerPass * 1.06);
    }

    ResidencyPlan Plan(PlannedShape shape, PlanRequest request) => ResidencyPlanner.Plan(shape.Spec, shape.Layers, _device, request);

    void Check(PlannedShape shape, ResidencyPlan plan)
    {
        Assert.Equal(shape.Layers.Select(l => (l.Name, l.Bytes)), plan.Layers.Select(l => (l.Layer, l.Bytes)));
        Assert.Equal(BytesOf(Tier.Device), plan.ResidentBytes);
        Assert.Equal(BytesOf(Tier.Host), plan.HostBytes);
        Assert.Equal(BytesOf(Tier.Storage), plan.BytesPerPass);
        Assert.Equal(plan.HostBytes > 0 && plan.BytesPerPass > 0 ? plan.SlotBytes : 0, plan.StagingBytes);
        Assert.Equal(plan.Layers.Where(l => l.Tier != Tier.Device).Select(l => l.Bytes).DefaultIfEmpty(0).Max(), plan.SlotBytes);
        Assert.Equal(plan.SlotBytes > 0, plan.SlotCount >= 2);
        Assert.InRange(plan.HostBytes + plan.StagingBytes, 0, plan.HostBudget);
        Assert.InRange(plan.TotalBytes, 1, plan.DeviceBudget);
        Assert.InRange(plan.ReservedBytes + plan.CompanionBytes, plan.TotalBytes, plan.DeviceBudget);
        Assert.Equal(0, plan.ReservedBytes % _device.AllocationGranularity);

        long BytesOf(Tier tier) => plan.Layers.Where(l => l.Tier == tier).Sum(l => l.Bytes);
    }

    /// <summary>Distances around the circle differ by one at most.</summary>
    static void AssertEven(List<int> places, int length)
    {
        var distances = places.Zip(places.Skip(1), (a, b) => b - a).Append(places[0] + length - places[^1]).ToList();
        Assert.InRange(distances.Max() - distances.Min(), 0, 1);
    }
}
