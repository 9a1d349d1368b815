using Microsoft.Win32.SafeHandles;
using NvStream.Gguf;

namespace NvStream.Storage;

/// <summary>
/// Positional reads of a model's files into host memory. Never a mapping: a file that shrinks under a mapping raises
/// SIGBUS, which would end the whole shell, where a read comes up short and can say so.
/// </summary>
sealed class ShardReader : IDisposable
{
    readonly IReadOnlyList<StoredFile> _shards;
    readonly SafeFileHandle[] _handles;
    readonly bool _ownsHandles;
    readonly BusyClock _busy = new();

    ShardReader(IReadOnlyList<StoredFile> shards, SafeFileHandle[] handles, bool ownsHandles)
    {
        _shards = shards;
        _handles = handles;
        _ownsHandles = ownsHandles;
    }

    /// <summary>Time in which at least one read was in flight.</summary>
    public TimeSpan BusyTime => _busy.Elapsed;

    /// <summary>Opens every shard for reads past the page cache; null with the reason where one refuses.</summary>
    public static ShardReader? TryOpenDirect(IReadOnlyList<StoredFile> files, out string refusal)
    {
        refusal = "";
        var handles = new List<SafeFileHandle>();
        foreach (var shard in files)
        {
            if (ShardFile.OpenDirect(shard.Path, out refusal) is not { } handle)
            {
                handles.ForEach(h => h.Dispose());
                return null;
            }

            handles.Add(handle);
        }

        return new(files, [.. handles], ownsHandles: true);
    }

    /// <summary>Through the page cache, with the handles that the file has open.</summary>
    public static ShardReader OpenCached(IReadOnlyList<StoredFile> files) => new(files, [.. files.Select(s => s.Handle)], ownsHandles: false);

    /// <summary>Reads a block whole; what lies beyond the file's end is left as it is.</summary>
    /// <param name="route">For error messages.</param>
    /// <param name="destination">4 KiB-aligned host memory of the block's length.</param>
    /// <exception cref="StorageException">StorageReadFailed.</exception>
    public void Read(in Transfer.Block block, nint destination, RouteKind route)
    {
        _busy.Enter();
        try
        {
            ReadWhole(block, destination, route);
        }
        finally
        {
            _busy.Leave();
        }
    }

    public void Dispose()
    {
        if (_ownsHandles)
        {
            Array.ForEach(_handles, h => h.Dispose());
        }
    }

    unsafe void ReadWhole(in Transfer.Block block, nint destination, RouteKind route)
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
                got = RandomAccess.Read(_handles[block.Shard], new Span<byte>((byte*)destination + done, block.Length - done), block.Offset + done);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw StorageException.ReadFailed(shard.Path, route, block.Offset, expected, done, e);
            }

            done += got;

            // A short read that is not whole pages would leave a direct read misaligned: it is the file's end.
            if (got == 0 || (done < expected && got % FileExtent.Alignment != 0))
            {
                throw StorageException.ReadFailed(shard.Path, route, block.Offset, expected, done);
            }
        }
    }
}
