using NvStream.Compute.Cuda.Driver;

namespace NvStream.Compute.Cuda;

/// <summary>Copies from page-locked memory by the card's copy engine, on a stream of their own. Any thread may call, but for <see cref="AwaitOnDevice"/>.</summary>
internal sealed class CudaHostCopies(CudaContext context, CudaStream copies, CudaLauncher launcher, GraphCache graphs, StallMeter stalls)
    : IHostCopies, IDisposable
{
    readonly FenceSlots fences = new(context, copies);

    public TimeSpan DeviceStall => stalls.Total;

    public DeviceMemory AllocateHost(long bytes, string purpose)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        var taken = bytes > long.MaxValue - Arena.Alignment ? bytes : Arena.Taken(bytes);
        var block = PinnedBlock.Allocate(context, taken, purpose);
        if (block.Value % Arena.Alignment != 0)
        {
            block.Dispose();
            block = PinnedBlock.Allocate(context, taken + Arena.Alignment, purpose);
        }

        return new PinnedMemory(block, copies, (block.Value + Arena.Alignment - 1) & -(nint)Arena.Alignment, bytes);
    }

    public void Bind() => context.Enter();

    public void Copy(nint host, nint device, long bytes, IDeviceFence? after)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        context.Enter();
        if (after is CudaFence fence)
        {
            copies.WaitFor(fence.Point);
        }
        else
        {
            after?.Wait();
        }

        if (bytes > 0)
        {
            Copies.Upload(context, host, device, bytes, copies);
        }
    }

    public IDeviceFence RecordCopyFence(int slot)
    {
        context.Enter();
        return fences.Record(slot);
    }

    public void AwaitOnDevice(IDeviceFence fence)
    {
        ArgumentNullException.ThrowIfNull(fence);
        graphs.ThrowIfCapturing(nameof(AwaitOnDevice));
        if (fence is not CudaFence own)
        {
            fence.Wait();
            return;
        }

        // What is there already costs the stream nothing.
        if (!own.IsComplete)
        {
            stalls.WaitFor(own.Point);
        }

        launcher.Interrupt();
    }

    public void Dispose() => fences.Dispose();

    sealed class PinnedMemory(PinnedBlock block, CudaStream copies, nint address, long bytes) : DeviceMemory(address, bytes)
    {
        protected override void Free()
        {
            // The copy engine may still be reading.
            copies.TrySynchronize();
            block.Dispose();
        }
    }
}
