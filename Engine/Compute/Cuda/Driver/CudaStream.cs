using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda.Driver;

/// <summary>An order of work on a device; runs beside other streams, the legacy default stream included.</summary>
internal sealed partial class CudaStream : CudaHandle
{
    CudaStream(CudaContext context, nint value)
        : base(context, value)
    {
    }

    public static CudaStream Create(CudaContext context)
    {
        const uint nonBlocking = 1;
        context.Enter();
        context.Check(StreamCreate(out var value, nonBlocking), "cuStreamCreate");
        return new(context, value);
    }

    /// <summary>Waits for everything queued so far.</summary>
    public void Synchronize() => Context.Check(StreamSynchronize(Value), "cuStreamSynchronize");

    /// <summary>As <see cref="Synchronize"/>, before a release; what went wrong does not matter any more.</summary>
    public void TrySynchronize()
    {
        if (!IsClosed && Context.TryEnter())
        {
            _ = StreamSynchronize(Value);
        }
    }

    /// <summary>Work queued from now on waits for the event as it was recorded last; the caller does not.</summary>
    public void WaitFor(CudaEvent point) => Context.Check(StreamWaitEvent(Value, point.Value, 0), "cuStreamWaitEvent");

    protected override CudaResult Destroy(nint value) => StreamDestroy(value);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuStreamCreate")]
    private static partial CudaResult StreamCreate(out nint stream, uint flags);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuStreamDestroy_v2")]
    private static partial CudaResult StreamDestroy(nint stream);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuStreamSynchronize")]
    private static partial CudaResult StreamSynchronize(nint stream);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuStreamWaitEvent")]
    private static partial CudaResult StreamWaitEvent(nint stream, nint point, uint flags);
}
