using System.Diagnostics;
using NvStream.Compute.Cpu;
using NvStream.Measurement;
using NvStream.Storage;
using NvStream.Streaming;
using NvStream.Tests.Async;
using NvStream.Tests.Streaming;

namespace NvStream.Tests.Measurement;

[Collection(SerialCollection.Name)]
public sealed class PlanProbeTests
{
    static readonly PlannedShape s_shape = PlannedShape.Of(new() { EmbeddingLength = 512, FeedForwardLength = 1024, HeadCount = 8, KeyValueHeadCount = 1, LayerCount = 80, VocabularySize = 2000 });

    [Fact]
    public void Rates_of_a_device_are_found_in_no_time_and_its_memory_is_given_back()
    {
        using var device = new AsyncFakeDevice();
        var demand = Demand(device, 80 << 20);
        Assert.Equal(512, demand.Plan.PassRows);
        var start = Stopwatch.GetTimestamp();
        var rates = PlanProbe.Measure(device, s_shape.Spec, demand, Fixtures.DemoModel, RouteKind.Auto);
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 5);
        Assert.NotNull(rates);
        Assert.InRange(rates.Storage, 1e6, 1e12);
        Assert.InRange(rates.Link, 1e6, 1e12);
        Assert.InRange(rates.Arithmetic, 1e6, 1e15);
        Assert.Equal((0, 0), (device.Memory.LiveBytes, device.HostMemory.LiveBytes));
        Assert.InRange(device.Memory.PeakBytes, 1, 64 << 20);
        Assert.InRange(device.ScratchReserved, 0, 1 << 20);
        Assert.Null(device.BrokenRule);
    }

    [Fact]
    public void Nothing_is_measured_where_the_plan_would_be_the_same()
    {
        using var device = new AsyncFakeDevice();
        using var cpu = new CpuDevice(1);
        Assert.Null(PlanProbe.Measure(device, s_shape.Spec, Demand(device, 1 << 30), Fixtures.DemoModel, RouteKind.Auto));
        Assert.Null(PlanProbe.Measure(cpu, s_shape.Spec, Demand(cpu, 80 << 20), Fixtures.DemoModel, RouteKind.Auto));
        Assert.Equal(0, device.Memory.PeakBytes);
    }

    [Fact]
    public void A_device_without_room_to_measure_is_planned_without_rates()
    {
        using var device = new AsyncFakeDevice(memory: 8 << 20);
        Assert.Null(PlanProbe.Measure(device, s_shape.Spec, Demand(device, 80 << 20), Fixtures.DemoModel, RouteKind.Auto));
        Assert.Equal((0, 0), (device.Memory.LiveBytes, device.HostMemory.LiveBytes));
    }

    static ModelDemand Demand(NvStream.Compute.IComputeDevice device, long budget) => ModelDemand.From(
        "a test's", s_shape.Layers, ResidencyPlanner.Plan(s_shape.Spec, s_shape.Layers, device, new(budget, 64)));
}
