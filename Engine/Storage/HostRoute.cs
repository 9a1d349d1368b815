using NvStream.Compute;

namespace NvStream.Storage;

/// <summary>
/// Reads straight into host slots, several in flight, no copy: past the page cache (<see cref="RouteKind.HostDirect"/>),
/// or through it (<see cref="RouteKind.Mapped"/>) where direct reads are refused and for files that memory holds.
/// </summary>
sealed class HostRoute : IStorageRoute
{
    readonly ShardReader _reader;
    readonly ReaderPool _readers;

    public HostRoute(RouteKind kind, string reason, ShardReader reader, RouteOptions options)
    {
        Kind = kind;
        Reason = reason;
        BlockSize = options.BlockSize;
        _reader = reader;
        _readers = new(options.QueueDepth, kind.ToString(), Read);
    }

    public RouteKind Kind { get; }

    public string Reason { get; }

    public int BlockSize { get; }

    public int CopyFences => 0;

    public TimeSpan BusyTime => _reader.BusyTime;

    public void Attach(DeviceMemory memory)
    {
    }

    public void Detach(DeviceMemory memory)
    {
    }

    public void Begin(Transfer transfer) => _readers.Begin(transfer);

    public void Dispose()
    {
        _readers.Dispose();
        _reader.Dispose();
    }

    void Read(Transfer transfer, Transfer.Block block)
    {
        transfer.After?.Wait();
        _reader.Read(block, block.Destination, Kind);
    }
}
