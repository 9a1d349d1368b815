using NvStream.Compute.Cuda.Driver;

namespace NvStream.Compute.Cuda;

/// <summary>A point in one of a device's streams; the host may wait for it from any thread, and other streams may.</summary>
internal sealed class CudaFence(CudaContext context, CudaEvent point) : IDeviceFence
{
    /// <summary>Where its stream was when the fence was recorded last.</summary>
    public CudaEvent Point => point;

    public bool IsComplete
    {
        get
        {
            context.Enter();
            return point.IsComplete();
        }
    }

    public void Wait()
    {
        context.Enter();
        point.Synchronize();
    }
}

/// <summary>The numbered fences of a stream, made when first recorded.</summary>
internal sealed class FenceSlots(CudaContext context, CudaStream stream) : IDisposable
{
    readonly Lock gate = new();
    CudaFence[] fences = [];

    public CudaFence Record(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(slot);
        var known = Volatile.Read(ref fences);
        var fence = slot < known.Length ? known[slot] : Grow(slot);
        fence.Point.Record(stream);
        return fence;
    }

    public void Dispose()
    {
        foreach (var fence in fences)
        {
            fence.Point.Dispose();
        }
    }

    CudaFence Grow(int slot)
    {
        lock (gate)
        {
            var grown = fences;
            while (grown.Length <= slot)
            {
                grown = [.. grown, new(context, CudaEvent.Create(context, EventUse.OrderOnly | EventUse.Sleeping))];
                Volatile.Write(ref fences, grown);
            }

            return grown[slot];
        }
    }
}
