using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Models;
using NvStream.Storage;
using NvStream.Streaming;
using NvStream.Tests.Async;

namespace NvStream.Tests.Streaming;

public sealed class SlotBeltTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(3, 2, 1)]
    [InlineData(5, 2, 2)]
    [InlineData(8, 3, 3)]
    [InlineData(4, 4, 4)]
    public void Layers_come_in_order_with_their_own_bytes_however_late_the_reads(int layers, int slots, int seed)
    {
        using var file = GgufFile.Open(Fixtures.DemoModel);
        using var device = new CpuDevice(1);
        using var route = new FakeRoute(seed);
        var cycle = Cycle(file, device, layers);
        using var belt = new SlotBelt(device, route, cycle, slots, cycle.Max(l => l.Bytes));
        belt.Start();
        for (var pass = 0; pass < 20; pass++)
        {
            foreach (var layer in cycle)
            {
                var address = belt.Acquire(layer, Token);
                Assert.True(FakeRoute.Holds(address, layer.Extents.Extents));
                Thread.SpinWait(seed * 100);

                // Nothing may be written between acquiring and releasing.
                Assert.True(FakeRoute.Holds(address, layer.Extents.Extents));
                belt.Release();
            }
        }

        Assert.Equal(20 * cycle.Sum(l => l.Bytes), belt.BytesConsumed);
        Assert.True(belt.StorageBusy > TimeSpan.Zero);
    }

    [Fact]
    public void After_a_failed_read_a_reset_belt_starts_over_and_delivers()
    {
        using var file = GgufFile.Open(Fixtures.DemoModel);
        using var device = new CpuDevice(1);
        using var route = new FakeRoute(1);
        var cycle = Cycle(file, device, 5);
        using var belt = new SlotBelt(device, route, cycle, 2, cycle.Max(l => l.Bytes));
        route.FailAt = cycle[3].Extents.Extents[0].Offset + 10_000;
        belt.Start();
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 3; i++)
            {
                belt.Acquire(cycle[i], Token);
                belt.Release();
            }

            Assert.Equal("StorageReadFailed", Assert.Throws<StorageException>(() => belt.Acquire(cycle[3], Token)).ErrorId);
            belt.Reset();
        }

        route.FailAt = null;
        foreach (var layer in cycle)
        {
            Assert.True(FakeRoute.Holds(belt.Acquire(layer, Token), layer.Extents.Extents));
            belt.Release();
        }
    }

    [Fact]
    public void A_wait_for_bytes_ends_with_cancellation()
    {
        using var file = GgufFile.Open(Fixtures.DemoModel);
        using var device = new CpuDevice(1);
        using var route = new FakeRoute(1, depth: 1, maxDelayMicroseconds: 20_000);
        var cycle = Cycle(file, device, 3);
        using var belt = new SlotBelt(device, route, cycle, 2, cycle.Max(l => l.Bytes));
        belt.Start();
        using var cancel = new CancellationTokenSource(20);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        Assert.Throws<OperationCanceledException>(() => belt.Acquire(cycle[0], cancel.Token));
        Assert.InRange(watch.ElapsedMilliseconds, 0, 4000);
        Assert.True(belt.StorageStall > TimeSpan.Zero);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Storage_reads_on_while_a_slot_is_taken_as_far_as_staging_goes(bool isStaged)
    {
        using var file = GgufFile.Open(Fixtures.DemoModel);
        var device = new AsyncFakeDevice();
        var layer = LayerLayout.Read(file, ModelSpec.FromGguf(file), device.Supports)[1];
        var work = new TaskCompletionSource();
        using (var route = StorageRoutes.Open(RouteKind.HostStaged, file, device, new(16384, 2, isStaged ? layer.Bytes : 0)))
        using (var slot = device.Allocate(layer.Bytes, "slot"))
        using (var transfer = new Transfer())
        {
            device.Await(work.Task);
            transfer.Prepare(layer.Extents.Extents, slot.Address, route.BlockSize, device.RecordFence(0), route.CopyFences);
            route.Begin(transfer);
            Assert.Equal(isStaged, transfer.TryWait(isStaged ? 10_000 : 200));
            Assert.NotEqual(true, transfer.Copied?.IsComplete);
            work.SetResult();
            transfer.Wait(Token);
            transfer.Copied!.Wait();
        }

        device.Dispose();
        Assert.Null(device.BrokenRule);
    }

    static LayerLayout[] Cycle(GgufFile file, CpuDevice device, int layers) =>
        LayerLayout.Read(file, ModelSpec.FromGguf(file), device.Supports)[..layers];
}
