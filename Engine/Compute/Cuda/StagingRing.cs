using NvStream.Compute.Cuda.Driver;

namespace NvStream.Compute.Cuda;

/// <summary>
/// Small uploads in the compute stream's order: bytes are copied into page-locked memory and the caller goes on. A place
/// of the ring is written again only when its last copy is done, so the host waits only when it is a whole ring ahead.
/// </summary>
internal sealed unsafe class StagingRing : IDisposable
{
    const int Places = 16;
    const int PlaceBytes = 512 * 1024;

    readonly CudaContext context;
    readonly CudaStream compute;
    readonly PinnedBlock memory;
    readonly CudaEvent[] copied = new CudaEvent[Places];
    int next;

    public StagingRing(CudaContext context, CudaStream compute)
    {
        this.context = context;
        this.compute = compute;
        memory = PinnedBlock.Allocate(context, (long)Places * PlaceBytes, "staging");
        for (var i = 0; i < Places; i++)
        {
            copied[i] = CudaEvent.Create(context, EventUse.OrderOnly);
        }
    }

    public void Write(ReadOnlySpan<byte> source, nint destination)
    {
        while (!source.IsEmpty)
        {
            var place = memory.Value + (nint)((long)next * PlaceBytes);
            var bytes = Math.Min(source.Length, PlaceBytes);
            copied[next].Synchronize();
            source[..bytes].CopyTo(new Span<byte>((void*)place, bytes));
            Copies.Upload(context, place, destination, bytes, compute);
            copied[next].Record(compute);
            next = (next + 1) % Places;
            source = source[bytes..];
            destination += bytes;
        }
    }

    public void Dispose()
    {
        memory.Dispose();
        foreach (var point in copied)
        {
            point?.Dispose();
        }
    }
}
