using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda.Driver;

/// <summary>
/// A card's primary context, which the process's other users of the card share, and what is known of its health. Every
/// stream, event, module and block of memory holds on to it, so that it goes last in whatever order they go.
/// </summary>
internal sealed class CudaContext : IDisposable
{
    static long made;

    /// <summary>Number of the context that is current on this thread: a number, because a thread must not keep a context alive.</summary>
    [ThreadStatic]
    static long current;

    readonly long number = Interlocked.Increment(ref made);
    readonly ContextHandle handle;
    volatile DeviceException? loss;

    CudaContext(ContextHandle handle) => this.handle = handle;

    /// <summary>Whether each launch is waited for, so that an error belongs to the last kernel and no earlier one.</summary>
    public bool IsSynchronous { get; init; }

    /// <summary>Whether an error has made the context useless.</summary>
    public bool IsLost => loss is not null;

    /// <summary>The kernel launched last; null in a replay, where nobody knows.</summary>
    public string? Kernel { get; set; }

    /// <summary>The layer that the last operations belonged to.</summary>
    public string? Layer { get; set; }

    /// <exception cref="DeviceException">CudaError.</exception>
    public static CudaContext Retain(DeviceProperties device, bool isSynchronous)
    {
        var context = new CudaContext(ContextHandle.Retain(device.Handle)) { IsSynchronous = isSynchronous };
        try
        {
            context.Enter();
            return context;
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>To be called before any other call: makes the context current on this thread, once a thread.</summary>
    /// <exception cref="DeviceException">CudaError: the device was lost before.</exception>
    public void Enter()
    {
        if (loss is { } first)
        {
            throw DeviceException.CudaLost(first);
        }

        if (current != number)
        {
            ObjectDisposedException.ThrowIf(handle.IsClosed, this);
            CudaErrors.Check(handle.MakeCurrent(), "cuCtxSetCurrent", this);
            current = number;
        }
    }

    /// <summary>As <see cref="Enter"/>, for releases, which must not throw; false where calls are in vain.</summary>
    public bool TryEnter()
    {
        if (IsLost)
        {
            return false;
        }

        if (current != number)
        {
            if (handle.MakeCurrent() != CudaResult.Success)
            {
                return false;
            }

            current = number;
        }

        return true;
    }

    /// <exception cref="DeviceException">CudaError.</exception>
    public void Check(CudaResult result, string call)
    {
        if (result != CudaResult.Success)
        {
            CudaErrors.Check(result, call, this);
        }
    }

    /// <summary>The exception for an answer; marks the context lost where nothing can follow it.</summary>
    public DeviceException Fail(CudaResult result, string call)
    {
        var isSticky = CudaErrors.IsSticky(result);
        var error = DeviceException.CudaError(call, CudaErrors.Describe(result), isSticky ? Where() : null, isSticky);
        if (isSticky)
        {
            loss = error;
        }

        return error;
    }

    /// <summary>Keeps the context while a handle made in it lives.</summary>
    public void AddReference()
    {
        var isAdded = false;
        handle.DangerousAddRef(ref isAdded);
    }

    public void ReleaseReference() => handle.DangerousRelease();

    public void Dispose() => handle.Dispose();

    string Where()
    {
        var kernel = Kernel is null ? "a replayed kernel" : $"kernel '{Kernel}'";
        var layer = Layer is null ? "" : $" of layer '{Layer}'";
        return (IsSynchronous ? "in " : "in or before ") + kernel + layer;
    }
}

/// <summary>A hold on a card's primary context.</summary>
internal sealed partial class ContextHandle : SafeHandle
{
    readonly int device;

    ContextHandle(int device, nint context)
        : base(0, ownsHandle: true)
    {
        this.device = device;
        SetHandle(context);
    }

    public override bool IsInvalid => handle == 0;

    public static ContextHandle Retain(int device)
    {
        CudaErrors.Check(PrimaryRetain(out var context, device), "cuDevicePrimaryCtxRetain");
        return new(device, context);
    }

    public CudaResult MakeCurrent() => SetCurrent(handle);

    protected override bool ReleaseHandle()
    {
        // A lost context answers with its error once more, and is given back all the same.
        _ = PrimaryRelease(device);
        return true;
    }

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuDevicePrimaryCtxRetain")]
    private static partial CudaResult PrimaryRetain(out nint context, int device);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    private static partial CudaResult PrimaryRelease(int device);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuCtxSetCurrent")]
    private static partial CudaResult SetCurrent(nint context);
}
