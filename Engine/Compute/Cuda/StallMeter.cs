using NvStream.Compute.Cuda.Driver;

namespace NvStream.Compute.Cuda;

/// <summary>
/// How long the compute stream stood still for copies: an event before each wait and one behind it, read when the stream
/// has passed them. Used by the device's own thread.
/// </summary>
internal sealed class StallMeter(CudaContext context, CudaStream compute) : IDisposable
{
    readonly Queue<Wait> recorded = new();
    readonly Stack<Wait> spare = new();
    long ticks;

    /// <summary>Up to the last <see cref="Collect"/>; may be read by any thread.</summary>
    public TimeSpan Total => TimeSpan.FromTicks(Interlocked.Read(ref ticks));

    /// <summary>Makes the compute stream wait, between two events.</summary>
    public void WaitFor(CudaEvent point)
    {
        var wait = Take();
        wait.Begin.Record(compute);
        compute.WaitFor(point);
        wait.End.Record(compute);
        recorded.Enqueue(wait);
    }

    /// <summary>Adds up the waits that are over, oldest first, up to the first that is not.</summary>
    public void Collect()
    {
        while (recorded.TryPeek(out var wait) && wait.End.IsComplete())
        {
            recorded.Dequeue();
            Interlocked.Add(ref ticks, wait.End.Since(wait.Begin).Ticks);
            spare.Push(wait);
        }
    }

    public void Dispose()
    {
        foreach (var wait in recorded.Concat(spare))
        {
            wait.Begin.Dispose();
            wait.End.Dispose();
        }
    }

    /// <summary>New ones are made only while more waits are under way than ever before.</summary>
    Wait Take()
    {
        if (spare.Count == 0)
        {
            Collect();
        }

        return spare.TryPop(out var wait)
            ? wait
            : new(CudaEvent.Create(context, EventUse.Timing), CudaEvent.Create(context, EventUse.Timing));
    }

    sealed record Wait(CudaEvent Begin, CudaEvent End);
}
