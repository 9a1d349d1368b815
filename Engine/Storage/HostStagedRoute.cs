using NvStream.Compute;

namespace NvStream.Storage;

/// <summary>
/// Reads into a ring of pinned buffers, each followed by a copy to the device's own memory: no byte is touched by the
/// processor. Reads run ahead of the slots as far as the ring goes: only the copy waits for a slot's work, and on the
/// device. Copies are queued transfer by transfer, so that one that has to wait holds up none that is needed before it.
/// </summary>
sealed class HostStagedRoute : IStorageRoute
{
    /// <summary>Buffers beyond those being read into: their copies are on the way.</summary>
    const int BuffersInCopy = 4;

    readonly ReadPump _pump;

    /// <param name="queue">Owned, like <paramref name="files"/>, also when this throws.</param>
    /// <exception cref="DeviceException">HostMemoryTooSmall.</exception>
    public HostStagedRoute(string reason, IReadQueue queue, StoredFiles files, IHostCopies copies, RouteOptions options)
    {
        var staged = (options.StagingBytes + options.BlockSize - 1) / options.BlockSize;
        CopyFences = checked(options.QueueDepth + BuffersInCopy + (int)staged);
        Reason = reason;
        BlockSize = options.BlockSize;
        PinnedRing ring;
        try
        {
            ring = new(copies, CopyFences, BlockSize);
        }
        catch
        {
            queue.Dispose();
            files.Dispose();
            throw;
        }

        queue.Register(ring.Address, ring.Length);
        _pump = new(Kind, queue, files, new RingLanding(copies, ring), options);
    }

    public RouteKind Kind => RouteKind.HostStaged;

    public string Reason { get; }

    public int BlockSize { get; }

    public int CopyFences { get; }

    public TimeSpan BusyTime => _pump.BusyTime;

    public void Attach(DeviceMemory memory)
    {
    }

    public void Detach(DeviceMemory memory)
    {
    }

    public void Begin(Transfer transfer) => _pump.Begin(transfer);

    public void Dispose() => _pump.Dispose();
}
