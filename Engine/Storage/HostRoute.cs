using NvStream.Compute;

namespace NvStream.Storage;

/// <summary>
/// Reads straight into host slots, several in flight, no copy: past the page cache (<see cref="RouteKind.HostDirect"/>),
/// or through it (<see cref="RouteKind.Mapped"/>) where direct reads are refused and for files that memory holds.
/// </summary>
sealed class HostRoute : IStorageRoute
{
    readonly IReadQueue _queue;
    readonly ReadPump _pump;

    /// <param name="queue">Owned, like <paramref name="files"/>.</param>
    public HostRoute(RouteKind kind, string reason, IReadQueue queue, StoredFiles files, RouteOptions options)
    {
        Kind = kind;
        Reason = reason;
        BlockSize = options.BlockSize;
        _queue = queue;
        _pump = new(kind, queue, files, new SlotLanding(), options);
    }

    public RouteKind Kind { get; }

    public string Reason { get; }

    public int BlockSize { get; }

    public int CopyFences => 0;

    public TimeSpan BusyTime => _pump.BusyTime;

    public void Attach(DeviceMemory memory) => _queue.Register(memory.Address, memory.Length);

    public void Detach(DeviceMemory memory) => _queue.Unregister(memory.Address);

    public void Begin(Transfer transfer) => _pump.Begin(transfer);

    public void Dispose() => _pump.Dispose();
}
