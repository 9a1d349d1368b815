using NvStream.Compute.Cuda.Driver;
using NvStream.Gguf;

namespace NvStream.Compute.Cuda;

/// <summary>
/// An NVIDIA card as a device. Operations put kernels on one stream and return; copies from the host run on another, and
/// events tie the two together. Driven by one thread at a time, which may be another than the one that opened it.
/// Operations themselves are in CudaDevice.Operations.cs.
/// </summary>
internal sealed unsafe partial class CudaDevice : IComputeDevice
{
    const int ReadbackBytes = 1 << 20;

    /// <summary>Rows whose largest values are read back together.</summary>
    const int MostTopKRows = 64;

    /// <summary>Rows of a search: what bounds its scratch.</summary>
    const int TopKLaunchRows = 16;

    readonly List<IDisposable> owned = [];
    readonly DeviceInfo info;
    readonly CudaContext context;
    readonly CudaStream compute;
    readonly CudaStream copies;
    readonly CudaAllocator allocator;
    readonly CudaLauncher launcher;
    readonly GraphCache graphs;
    readonly StagingRing staging;
    readonly PinnedBlock readback;
    readonly FenceSlots fences;
    readonly StallMeter stalls;
    readonly CudaHostCopies hostCopies;
    CudaScratch? scratch;
    PassState? pass;
    readonly EncodingDemand demands = new();
    EncodedMatrix encoded;
    volatile bool isDisposed;

    /// <param name="info">What <see cref="Info"/> says, but for the free memory.</param>
    /// <param name="driverVersion">As the driver numbers it.</param>
    /// <exception cref="DeviceException">CudaError, HostMemoryTooSmall.</exception>
    public CudaDevice(
        DeviceProperties properties, DeviceInfo info, KernelFiles files, int driverVersion, CudaOptions options, Action<string>? log)
    {
        this.info = info;
        try
        {
            context = Own(CudaContext.Retain(properties, options.IsSynchronous));
            compute = Own(CudaStream.Create(context));
            copies = Own(CudaStream.Create(context));
            var kernels = Own(new KernelStore(context, files, properties, log));
            var overlaps = options.OverlapsLaunches && properties.Architecture >= 90 && driverVersion >= CudaDriver.OverlapVersion;
            launcher = new(context, compute, kernels, properties, overlaps);
            allocator = Own(new CudaAllocator(context, compute, copies, properties.Name));
            graphs = Own(new GraphCache(context, compute, launcher, allocator, options.UsesGraphs));
            staging = Own(new StagingRing(context, compute));
            readback = Own(PinnedBlock.Allocate(context, ReadbackBytes, "results"));
            fences = Own(new FenceSlots(context, compute));
            stalls = Own(new StallMeter(context, compute));
            hostCopies = Own(new CudaHostCopies(context, copies, launcher, graphs, stalls));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public DeviceInfo Info => info with { FreeMemory = isDisposed || context.IsLost ? 0 : DeviceBlock.Info(context).Free };

    public long AllocationGranularity => CudaAllocator.Granularity;

    public IHostCopies? HostCopies => hostCopies;

    /// <summary>Bytes of all device memory handed out and not disposed.</summary>
    internal long LiveBytes => allocator.LiveBytes;

    /// <summary>Stretches replayed from a recording.</summary>
    internal long Replays => graphs.Replays;

    public bool Supports(TensorType type) => MatVecOp.Supports(type);

    public void Reserve(long bytes)
    {
        Enter(nameof(Reserve));
        launcher.Interrupt();
        allocator.Reserve(bytes);
    }

    public DeviceMemory Allocate(long bytes, string purpose)
    {
        Enter(nameof(Allocate));
        launcher.Interrupt();
        return allocator.Allocate(bytes, purpose);
    }

    public long ScratchBytes(int maxRows, int maxColumns, int headDim) => Arena.Taken(Layout(maxRows, maxColumns, headDim).Bytes);

    public void ReserveScratch(int maxRows, int maxColumns, int headDim)
    {
        Enter(nameof(ReserveScratch));
        var layout = Layout(maxRows, maxColumns, headDim);
        scratch?.Dispose();
        (scratch, pass) = (null, null);
        encoded.Forget();
        demands.Forget();
        scratch = new(Allocate(layout.Bytes, "scratch"), layout);
        pass = new(scratch, Upload, () => graphs.IsCapturing);
    }

    public void Write(ReadOnlySpan<byte> source, nint destination)
    {
        Enter(nameof(Write));
        encoded.Wrote(destination, source.Length);
        Upload(source, destination);
    }

    public void Read(nint source, Span<byte> destination)
    {
        Enter(nameof(Read));
        launcher.Interrupt();
        do
        {
            var bytes = Math.Min(destination.Length, ReadbackBytes);
            if (bytes > 0)
            {
                Copies.Download(context, source, readback.Value, bytes, compute);
            }

            compute.Synchronize();
            new ReadOnlySpan<byte>((void*)readback.Value, bytes).CopyTo(destination);
            destination = destination[bytes..];
            source += bytes;
        }
        while (destination.Length > 0);
        stalls.Collect();
    }

    public IDeviceFence RecordFence(int slot)
    {
        Enter(nameof(RecordFence));
        return fences.Record(slot);
    }

    public void BeginPass(ReadOnlySpan<SequenceSpan> sequences, ReadOnlySpan<int> logitRows)
    {
        Enter(nameof(BeginPass));
        Pass.Announce(sequences, logitRows);
    }

    public void Issue(in Stretch stretch, Action issue)
    {
        Enter();
        var isRepeatable = stretch.IsResident && pass is { IsDecoding: true } announced && announced.Rows == stretch.Rows;
        encoded.Forget();
        try
        {
            graphs.Run(stretch, isRepeatable, issue);
        }
        finally
        {
            // What a recording encodes is there only once it has been replayed, and what a replay leaves is not looked up.
            encoded.Forget();
        }
    }

    public void EnterLayer(string name) => context.Layer = name;

    public void Dispose()
    {
        if (isDisposed)
        {
            return;
        }

        isDisposed = true;
        compute?.TrySynchronize();
        copies?.TrySynchronize();
        scratch?.Dispose();
        (scratch, pass) = (null, null);
        for (var i = owned.Count - 1; i >= 0; i--)
        {
            owned[i].Dispose();
        }
    }

    PassState Pass => pass ?? throw new InvalidOperationException("ReserveScratch comes before the first pass.");

    CudaScratch Scratch(int rows, int columns)
    {
        if (scratch is not { } reserved || !reserved.Fits(rows, columns))
        {
            throw new InvalidOperationException(
                $"A pass of {rows} rows and {columns} columns exceeds the scratch reserved by ReserveScratch "
                + $"({scratch?.Layout.MaxRows ?? 0} rows, {scratch?.Layout.MaxColumns ?? 0} columns).");
        }

        return reserved;
    }

    static ScratchLayout Layout(int maxRows, int maxColumns, int headDim)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxColumns, 1);
        var work = Math.Max(
            DecodeAttentionOp.ScratchBytes(maxRows, maxColumns, headDim),
            TopKOp.ScratchBytes(Math.Min(maxRows, TopKLaunchRows), IComputeDevice.MaxTopK));
        return new(maxRows, maxColumns, work, Math.Min(maxRows, MostTopKRows));
    }

    void Upload(ReadOnlySpan<byte> source, nint destination)
    {
        graphs.ThrowIfCapturing(nameof(Write));
        staging.Write(source, destination);
        launcher.Interrupt();
    }

    void Enter()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        context.Enter();
    }

    /// <param name="operation">Something that a recording cannot hold.</param>
    void Enter(string operation)
    {
        Enter();
        graphs.ThrowIfCapturing(operation);
    }

    T Own<T>(T item)
        where T : IDisposable
    {
        owned.Add(item);
        return item;
    }
}
