using System.Diagnostics;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Storage;
using NvStream.Tests.Async;
using NvStream.Tests.Streaming;

namespace NvStream.Tests.Storage;

/// <summary>What the pump makes of reads that are short, fail, are interrupted or never end.</summary>
[Collection(SerialCollection.Name)]
public sealed class ReadPumpTests : IDisposable
{
    const int Page = FileExtent.Alignment;
    const int Depth = 4;
    static readonly TimeSpan s_limit = TimeSpan.FromMilliseconds(200);
    static readonly ReadError s_interrupted = new("Interrupted system call", IsTransient: true);

    readonly CpuDevice _device = new(1);
    readonly DeviceMemory _memory;

    public ReadPumpTests() => _memory = _device.Allocate(64 * Page, "test");

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _memory.Dispose();
        _device.Dispose();
    }

    [Fact]
    public void A_read_that_ends_early_goes_on_where_it_ended()
    {
        using var route = new FakeRoute(seed: 1);
        var calls = 0;
        route.Reads.Fault = r => (calls++ % 3 == 0 && r.Length > Page ? r.Length / 2 / Page * Page : r.Length, null);
        AssertDelivers(route, blockSize: 8 * Page);
        Assert.True(calls > 8);
    }

    [Fact]
    public void An_interrupted_read_is_asked_for_again()
    {
        using var route = new FakeRoute(seed: 2);
        var calls = 0;
        route.Reads.Fault = r => calls++ % 2 == 0 ? (0, s_interrupted) : (r.Length, null);
        AssertDelivers(route, Page);
    }

    [Fact]
    public void A_read_that_is_interrupted_for_ever_fails()
    {
        using var route = new FakeRoute(seed: 3, maxDelayMicroseconds: 0);
        route.Reads.Fault = r => (0, s_interrupted);
        var error = Assert.Throws<StorageException>(() => Deliver(route, 0, 8));
        Assert.Equal("StorageReadFailed", error.ErrorId);
        Assert.Contains("Interrupted", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failed_read_names_offset_and_reason_and_the_next_transfer_works()
    {
        using var route = new FakeRoute(seed: 4);
        route.Reads.Fault = r => r.Offset == 5 * Page ? (0, new("Input/output error")) : (r.Length, null);
        var error = Assert.Throws<StorageException>(() => Deliver(route, 0, 16));
        Assert.Equal("StorageReadFailed", error.ErrorId);
        Assert.Contains($"at byte {5 * Page}: {Page} bytes expected, 0 read (Input/output error)", error.Message, StringComparison.Ordinal);
        Assert.Contains(nameof(RouteKind.HostDirect), error.Message, StringComparison.Ordinal);
        route.Reads.Fault = null;
        AssertDelivers(route, Page);
    }

    [Fact]
    public void A_read_that_ends_within_a_page_says_that_the_file_is_shorter()
    {
        using var route = new FakeRoute(seed: 5);
        route.Reads.Fault = r => r.Offset == 0 ? (512, null) : (r.Length, null);
        var error = Assert.Throws<StorageException>(() => Deliver(route, 0, 4));
        Assert.Contains("512 read; the file is shorter", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_read_that_never_ends_is_given_up_in_time_and_the_route_works_again_when_it_has_ended()
    {
        using var route = new FakeRoute(seed: 6, timeLimit: s_limit);
        route.Reads.Fault = r => r.Offset == 3 * Page ? null : (r.Length, null);
        using var lost = new Transfer();
        using var next = new Transfer();
        lost.Prepare([FileExtent.Around(0, 0, 8 * Page)], _memory.Address, Page);
        next.Prepare([FileExtent.Around(0, 8 * Page, 8 * Page)], _memory.Address + 8 * Page, Page);
        var start = Stopwatch.GetTimestamp();
        route.Begin(lost);
        route.Begin(next);
        var error = Assert.Throws<StorageException>(() => lost.Wait(Token));
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, s_limit.TotalSeconds, 20);
        Assert.Equal("StorageReadFailed", error.ErrorId);
        Assert.Contains($"by route HostDirect at byte {3 * Page}: {Page} bytes expected, none within 0.2 s", error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(route.Reads.Cancelled);

        // Nothing is read before the lost read has ended: it may still write to memory that is about to be used again.
        Assert.Throws<StorageException>(() => next.Wait(Token));
        Assert.Throws<StorageException>(() => Deliver(route, 32, 4));
        Assert.False(lost.Drain());
        route.Reads.IsReleased = true;
        Assert.True(SpinWait.SpinUntil(() => lost.Drain(), 10_000));
        Assert.True(SpinWait.SpinUntil(() => TryDeliver(route, 0, 16), 10_000));
        AssertDelivers(route, Page);
    }

    [Fact]
    public void A_route_is_left_in_time_though_a_read_never_ends_and_frees_what_it_has_when_it_does()
    {
        var route = new FakeRoute(seed: 7, timeLimit: s_limit);
        route.Reads.Fault = r => null;
        var transfer = new Transfer();
        transfer.Prepare([FileExtent.Around(0, 0, 8 * Page)], _memory.Address, Page);
        var start = Stopwatch.GetTimestamp();
        route.Begin(transfer);
        Assert.True(SpinWait.SpinUntil(() => route.Reads.Submissions > 0, 10_000));
        route.Dispose();
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 20);
        Assert.True(transfer.IsComplete);
        Assert.False(route.Reads.IsDisposed);
        route.Reads.IsReleased = true;
        Assert.True(SpinWait.SpinUntil(() => route.Reads.IsDisposed, 10_000));
        transfer.Dispose();
    }

    [Fact]
    public void A_belt_whose_read_never_ends_keeps_the_memory_and_says_why()
    {
        using var file = GgufFile.Open(Fixtures.DemoModel);
        var spec = NvStream.Models.ModelSpec.FromGguf(file);
        var layers = NvStream.Models.LayerLayout.Read(file, spec, _device.Supports);
        var before = CpuMemory.LiveBytes;
        var route = new FakeRoute(seed: 8, timeLimit: s_limit);
        route.Reads.Fault = r => null;
        var belt = new NvStream.Streaming.SlotBelt(_device, route, layers, 2, layers.Max(l => l.Bytes));
        var slots = CpuMemory.LiveBytes - before;
        belt.Start();
        Assert.Throws<StorageException>(() => belt.Acquire(layers[0], Token));
        belt.Dispose();
        Assert.Equal(slots, CpuMemory.LiveBytes - before);
        route.Reads.IsReleased = true;
        route.Dispose();
    }

    [Fact]
    public void A_queue_that_breaks_fails_what_it_carries_and_all_that_comes()
    {
        var route = new FakeRoute(seed: 9);
        route.Reads.Fault = r => throw new InvalidOperationException("broken for a test");
        using var transfer = new Transfer();
        transfer.Prepare([FileExtent.Around(0, 0, 8 * Page)], _memory.Address, Page);
        route.Begin(transfer);
        var error = Assert.Throws<StorageException>(() => transfer.Wait(Token));
        Assert.Contains("broken for a test", error.Message, StringComparison.Ordinal);
        Assert.Throws<StorageException>(() => Deliver(route, 0, 4));
        route.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Staged_blocks_land_in_the_order_of_transfers_whatever_the_order_of_reads(int seed)
    {
        var device = new AsyncFakeDevice(seed);
        var reads = new FakeReads(Depth, seed, 500);
        var options = new RouteOptions(Page, Depth, 4 * Page);
        using (var route = new HostStagedRoute("a test's", reads, StoredFiles.OpenCached([Endless]), device.HostCopies, options))
        using (var memory = device.Allocate(8 * Page, "test"))
        {
            Assert.Single(reads.Registered);
            using var first = new Transfer();
            using var second = new Transfer();
            for (var round = 0; round < 50; round++)
            {
                // Both into one place: the one begun last stays.
                first.Prepare([FileExtent.Around(0, 0, 8 * Page)], memory.Address, Page, null, route.CopyFences);
                second.Prepare([FileExtent.Around(0, (64 + round) * Page, 8 * Page)], memory.Address, Page, null, route.CopyFences + 1);
                route.Begin(first);
                route.Begin(second);
                second.Wait(Token);
                second.Copied!.Wait();
                Assert.True(first.IsComplete);
                Assert.True(FakeRoute.Holds(memory.Address, [FileExtent.Around(0, (64 + round) * Page, 8 * Page)]));
            }
        }

        device.Dispose();
        Assert.Null(device.BrokenRule);
        Assert.Equal((0, 0), (device.Memory.LiveBytes, device.HostMemory.LiveBytes));
    }

    [Fact]
    public void Transfers_in_steady_state_allocate_nothing()
    {
        using var file = GgufFile.Open(Fixtures.DemoModel);
        using var route = StorageRoutes.Open(RouteKind.HostDirect, file, _device, new(Page, Depth));
        using var transfer = new Transfer();
        FileExtent[] extents = [FileExtent.Around(0, 0, 32 * Page)];
        void Run(int rounds)
        {
            for (var i = 0; i < rounds; i++)
            {
                transfer.Prepare(extents, _memory.Address, Page);
                route.Begin(transfer);
                transfer.Wait(CancellationToken.None);
            }
        }

        Run(200);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        Run(200);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 16 * 1024);
    }

    static StoredFile Endless { get; } = new("fake", long.MaxValue, File.OpenHandle(Fixtures.DemoModel));

    void AssertDelivers(FakeRoute route, int blockSize)
    {
        using var transfer = new Transfer();
        FileExtent[] extents = [FileExtent.Around(0, 128 * Page, 64 * Page)];
        transfer.Prepare(extents, _memory.Address, blockSize);
        route.Begin(transfer);
        transfer.Wait(Token);
        Assert.True(FakeRoute.Holds(_memory.Address, extents));
    }

    void Deliver(FakeRoute route, int firstPage, int pages)
    {
        using var transfer = new Transfer();
        transfer.Prepare([FileExtent.Around(0, firstPage * Page, pages * Page)], _memory.Address, Page);
        route.Begin(transfer);
        transfer.Wait(Token);
    }

    bool TryDeliver(FakeRoute route, int firstPage, int pages)
    {
        try
        {
            Deliver(route, firstPage, pages);
            return true;
        }
        catch (StorageException)
        {
            return false;
        }
    }
}
