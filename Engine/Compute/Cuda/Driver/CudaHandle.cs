using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda.Driver;

/// <summary>Something that lives in a context and keeps it.</summary>
internal abstract class CudaHandle : SafeHandle
{
    protected CudaHandle(CudaContext context, nint value)
        : base(0, ownsHandle: true)
    {
        Context = context;
        context.AddReference();
        SetHandle(value);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>The driver's own pointer.</summary>
    /// <exception cref="ObjectDisposedException">The handle was released.</exception>
    public nint Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    protected CudaContext Context { get; }

    protected sealed override bool ReleaseHandle()
    {
        // What a lost context holds goes with it.
        if (Context.TryEnter())
        {
            _ = Destroy(handle);
        }

        Context.ReleaseReference();
        return true;
    }

    protected abstract CudaResult Destroy(nint value);
}
