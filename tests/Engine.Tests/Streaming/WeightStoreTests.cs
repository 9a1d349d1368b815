using System.Diagnostics;
using NvStream.Compute;
using NvStream.Gguf;
using NvStream.Inference;
using NvStream.Models;
using NvStream.Storage;
using NvStream.Streaming;
using NvStream.Tests.Async;

namespace NvStream.Tests.Streaming;

/// <summary>Loading in three tiers: host memory is allocated while layers are read, and nothing is left behind.</summary>
[Collection(SerialCollection.Name)]
public sealed class WeightStoreTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Layers_are_read_while_host_memory_is_allocated_and_all_arrive()
    {
        using var began = new ManualResetEventSlim();
        var wasReading = new List<bool>();
        var rig = new Rig(onBegin: _ => began.Set());
        using (rig)
        {
            rig.Device.OnAllocateHost = _ => wasReading.Add(began.Wait(TimeSpan.FromSeconds(10)));
            long loaded = 0;
            rig.Store.Load(bytes => loaded += bytes, Token);
            Assert.Equal(rig.Plan.ResidentBytes + rig.Plan.HostBytes, loaded);
            Assert.InRange(wasReading.Count, rig.HostLayers, rig.HostLayers + 1);
            Assert.All(wasReading, Assert.True);

            var contents = File.ReadAllBytes(Fixtures.DemoModel);
            for (var i = 0; i < rig.Layers.Length; i++)
            {
                var memory = new byte[rig.Layers[i].Bytes];
                rig.Device.Read(rig.Store.Acquire(i, Token), memory);
                rig.Store.Release(i);
                Assert.True(memory.AsSpan(0, 4096).SequenceEqual(contents.AsSpan((int)rig.Layers[i].Extents.Extents[0].Offset, 4096)));
            }
        }

        rig.AssertNothingLeft();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_failed_allocation_ends_loading_soon_and_leaves_nothing(int failing)
    {
        using var failed = new ManualResetEventSlim();
        var begun = 0;
        var rig = new Rig(onBegin: _ =>
        {
            // The second layer is not read before the allocation has failed and been heard of.
            if (++begun == 2)
            {
                failed.Wait(TimeSpan.FromSeconds(10), Token);
                Thread.Sleep(200);
            }
        });
        using (rig)
        {
            rig.Device.OnAllocateHost = number =>
            {
                if (number == failing)
                {
                    failed.Set();
                    throw DeviceException.HostMemoryTooSmall(1, "a test");
                }
            };
            Assert.Equal("HostMemoryTooSmall", Assert.Throws<DeviceException>(() => rig.Store.Load(_ => { }, Token)).ErrorId);
            Assert.InRange(begun, 0, 2);
            Assert.True(rig.Layers.Length > 3);
        }

        rig.AssertNothingLeft();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Cancellation_during_an_allocation_leaves_nothing(int cancelled)
    {
        using var cancel = new CancellationTokenSource();
        var rig = new Rig(_ => { });
        using (rig)
        {
            rig.Device.OnAllocateHost = number =>
            {
                if (number == cancelled)
                {
                    cancel.Cancel();
                    Thread.Sleep(50);
                }
            };
            Assert.ThrowsAny<OperationCanceledException>(() => rig.Store.Load(_ => { }, cancel.Token));
        }

        rig.AssertNothingLeft();
    }

    [Fact]
    public void Whoever_gives_up_waits_for_one_allocation_and_not_for_all()
    {
        var device = new AsyncFakeDevice();
        var asked = 0;
        device.OnAllocateHost = number =>
        {
            asked = number;
            Thread.Sleep(1);
        };
        var start = Stopwatch.GetTimestamp();
        using (var host = new HostLayers(device.HostCopies, Enumerable.Repeat(("layer", 4096L), 1_000_000)))
        {
            using var first = host.Take(Token);
            using var second = host.Take(Token);
            Assert.NotEqual(first.Address, second.Address);
            Assert.Null(host.Failure);
        }

        Assert.InRange(asked, 2, 10_000);
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 10);
        Assert.Equal(0, device.HostMemory.LiveBytes);
        device.Dispose();
    }

    [Fact]
    public void Progress_rises_to_all_and_says_which_memory_is_filled()
    {
        var device = new AsyncFakeDevice();
        var reports = new Reports();
        device.OnAllocateHost = _ => Thread.Sleep(30);
        using (var model = StreamModel.LoadOn(
            Fixtures.DemoModel, Rig.Options, () => device, reports, Token))
        {
            Assert.True(model.Plan.HostBytes > 0 && model.Plan.ResidentBytes > 0);
            Assert.Equal(reports.OrderBy(r => r.BytesDone), reports);
            Assert.Equal(("Loading host memory", model.Plan.HostBytes + model.Plan.ResidentBytes), (reports[^1].Activity, reports[^1].BytesDone));
            Assert.All(reports, r => Assert.Equal(r.BytesDone < model.Plan.ResidentBytes, r.Activity == "Loading device memory"));
        }

        Assert.Null(device.BrokenRule);
    }

    sealed class Reports : List<LoadProgress>, IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => Add(value);
    }

    /// <summary>The demo model's weights in all three tiers of a fake GPU.</summary>
    sealed class Rig : IDisposable
    {
        readonly GgufFile _file = GgufFile.Open(Fixtures.DemoModel);
        readonly WatchedRoute _route;

        /// <param name="onBegin">Called before each transfer is begun.</param>
        public Rig(Action<Transfer> onBegin)
        {
            var spec = ModelSpec.FromGguf(_file);
            Layers = LayerLayout.Read(_file, spec, Device.Supports);
            Plan = ResidencyPlanner.Plan(spec, Layers, Device, new(4600 << 10, 256, HostBudget: 1500 << 10));
            Assert.All(Enum.GetValues<Tier>(), t => Assert.InRange(Plan.Layers.Count(l => l.Tier == t), 2, 9));
            _route = new(StorageRoutes.Open(RouteKind.HostStaged, _file, Device, new(65536, 3, Plan.StagingBytes)), onBegin);
            Store = new(Device, _route, Layers, Plan);
        }

        public AsyncFakeDevice Device { get; } = new();

        public LayerLayout[] Layers { get; }

        public ResidencyPlan Plan { get; }

        public WeightStore Store { get; }

        public int HostLayers => Plan.Layers.Count(l => l.Tier == Tier.Host);

        public static ModelOptions Options { get; } = new()
        {
            DeviceBudget = MemoryBudget.FromBytes(4600 << 10), HostBudget = MemoryBudget.FromBytes(1500 << 10), ContextLength = 256,
        };

        public void Dispose()
        {
            Store.Dispose();
            _route.Dispose();
            _file.Dispose();
        }

        public void AssertNothingLeft()
        {
            Assert.Equal((0, 0), (Device.Memory.LiveBytes, Device.HostMemory.LiveBytes));
            Device.Dispose();
            Assert.Null(Device.BrokenRule);
        }
    }

    sealed class WatchedRoute(IStorageRoute route, Action<Transfer> onBegin) : IStorageRoute
    {
        public RouteKind Kind => route.Kind;

        public string Reason => route.Reason;

        public int BlockSize => route.BlockSize;

        public int CopyFences => route.CopyFences;

        public TimeSpan BusyTime => route.BusyTime;

        public void Attach(DeviceMemory memory) => route.Attach(memory);

        public void Detach(DeviceMemory memory) => route.Detach(memory);

        public void Begin(Transfer transfer)
        {
            onBegin(transfer);
            route.Begin(transfer);
        }

        public void Dispose() => route.Dispose();
    }
}
