using Microsoft.Win32.SafeHandles;
using NvStream.Gguf;

namespace NvStream.Storage;

/// <summary>
/// What the routes into host memory share: positional reads on a few threads. Never a mapping: a file that shrinks
/// under a mapping raises SIGBUS, which would end the whole shell, where a read comes up short and can say so.
/// </summary>
abstract class PositionalReadRoute : IStorageRoute
{
    readonly IReadOnlyList<SafeFileHandle> _handles;
    readonly IReadOnlyList<GgufShard> _shards;
    readonly bool _ownsHandles;
    readonly ReaderPool _readers;

    /// <param name="handles">One a shard.</param>
    protected PositionalReadRoute(
        RouteKind kind, string reason, IReadOnlyList<GgufShard> shards, IReadOnlyList<SafeFileHandle> handles, bool ownsHandles, RouteOptions options)
    {
        Kind = kind;
        Reason = reason;
        BlockSize = options.BlockSize;
        _shards = shards;
        _handles = handles;
        _ownsHandles = ownsHandles;
        _readers = new(options.QueueDepth, kind.ToString(), Read);
    }

    public RouteKind Kind { get; }

    public string Reason { get; }

    public int BlockSize { get; }

    public TimeSpan BusyTime => _readers.BusyTime;

    public void Begin(Transfer transfer) => _readers.Begin(transfer);

    public void Dispose()
    {
        _readers.Dispose();
        if (_ownsHandles)
        {
            foreach (var handle in _handles)
            {
                handle.Dispose();
            }
        }
    }

    unsafe void Read(Transfer.Block block)
    {
        var shard = _shards[block.Shard];

        // Ranges are widened to 4 KiB, so the last may reach beyond the file's end: that part is nobody's.
        var expected = (int)Math.Min(block.Length, shard.Length - block.Offset);
        var done = 0;
        while (done < expected)
        {
            int got;
            try
            {
                got = RandomAccess.Read(_handles[block.Shard], new Span<byte>((byte*)block.Destination + done, block.Length - done), block.Offset + done);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw StorageException.ReadFailed(shard.Path, Kind, block.Offset, expected, done, e);
            }

            done += got;

            // A short read that is not whole pages would leave a direct read misaligned: it is the file's end.
            if (got == 0 || (done < expected && got % FileExtent.Alignment != 0))
            {
                throw StorageException.ReadFailed(shard.Path, Kind, block.Offset, expected, done);
            }
        }
    }
}
