using NvStream.Compute;

namespace NvStream.Storage;

/// <summary>
/// Reads into a ring of pinned buffers, each followed by a copy to the device's own memory. Reads run ahead of the
/// slots as far as the ring goes: only the copy waits for a slot's work, and on the device. Copies are queued transfer by
/// transfer, so that one that has to wait holds up none that is needed before it.
/// </summary>
sealed class HostStagedRoute : IStorageRoute
{
    /// <summary>Buffers beyond those being read into: their copies are on the way.</summary>
    const int BuffersInCopy = 4;

    readonly object _turnLock = new();
    readonly IHostCopies _copies;
    readonly ShardReader _reader;
    readonly PinnedRing _ring;
    readonly ReaderPool _readers;
    long _turn;

    /// <param name="reader">Owned, also when this throws.</param>
    /// <exception cref="DeviceException">HostMemoryTooSmall.</exception>
    public HostStagedRoute(string reason, ShardReader reader, IHostCopies copies, RouteOptions options)
    {
        var staged = (options.StagingBytes + options.BlockSize - 1) / options.BlockSize;
        CopyFences = checked(options.QueueDepth + BuffersInCopy + (int)staged);
        Reason = reason;
        BlockSize = options.BlockSize;
        _copies = copies;
        _reader = reader;
        try
        {
            _ring = new(copies, CopyFences, BlockSize);
        }
        catch
        {
            reader.Dispose();
            throw;
        }

        _readers = new(options.QueueDepth, Kind.ToString(), Serve, EndTurn);
    }

    public RouteKind Kind => RouteKind.HostStaged;

    public string Reason { get; }

    public int BlockSize { get; }

    public int CopyFences { get; }

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
        _ring.Dispose();
        _reader.Dispose();
    }

    void Serve(Transfer transfer, Transfer.Block block)
    {
        switch (transfer.Path)
        {
            case TransferPath.FileToHost:
                _reader.Read(block, block.Destination, Kind);
                break;

            case TransferPath.HostToDevice:
                AwaitTurn(transfer);
                _copies.Copy(block.Source, block.Destination, block.Length, transfer.After);
                break;

            default:
                var buffer = _ring.Take();
                try
                {
                    _reader.Read(block, _ring.AddressOf(buffer), Kind);
                    AwaitTurn(transfer);
                    _ring.Copy(buffer, block.Destination, block.Length, transfer.After);
                }
                finally
                {
                    _ring.Return(buffer);
                }

                break;
        }
    }

    /// <summary>Waits until every transfer begun earlier has queued its copies; their blocks were all taken before this one.</summary>
    void AwaitTurn(Transfer transfer)
    {
        lock (_turnLock)
        {
            while (_turn != transfer.Turn)
            {
                Monitor.Wait(_turnLock);
            }
        }
    }

    void EndTurn(Transfer transfer)
    {
        AwaitTurn(transfer);
        try
        {
            transfer.Copied = _copies.RecordCopyFence(transfer.CopyFence);
        }
        finally
        {
            lock (_turnLock)
            {
                _turn++;
                Monitor.PulseAll(_turnLock);
            }
        }
    }
}
