using System.Diagnostics;
using NvStream.Compute;
using NvStream.Gguf;
using NvStream.Storage;

namespace NvStream.Measurement;

/// <summary>
/// Reads a file from end to end, again and again, into a few slots of device memory, as a belt does: the next slots are
/// always on their way while the oldest is waited for, so that the queue never runs dry. Each run goes on where the last
/// one stopped, so that it does not profit from what a drive remembers of it.
/// </summary>
sealed class ReadWindow : IDisposable
{
    /// <summary>Bytes of a slot, where the block is not larger and the file not smaller.</summary>
    const long SlotBytes = 32 << 20;

    /// <summary>Slots beyond those that hold the reads in flight: one is being waited for, one is refilled.</summary>
    const int SpareSlots = 2;

    readonly IComputeDevice _device;
    readonly IStorageRoute _route;
    readonly DeviceMemory _memory;
    readonly Slot[] _slots;
    readonly long _piece;
    readonly long _bytes;
    long _position;

    /// <param name="route">Stays the caller's; disposed after this.</param>
    /// <param name="shape">As <see cref="ShapeOf"/> gives it.</param>
    /// <param name="bytes">Bytes of the file that are read.</param>
    /// <param name="position">Where to begin, a multiple of the shape's piece.</param>
    /// <exception cref="DeviceException">The device has not that much memory.</exception>
    public ReadWindow(IComputeDevice device, IStorageRoute route, (long Piece, int Slots) shape, long bytes, long position)
    {
        _device = device;
        _route = route;
        _piece = shape.Piece;
        _bytes = bytes;
        _position = position / _piece * _piece % bytes;
        _memory = device.Allocate(shape.Piece * shape.Slots, "the measured window");
        _slots = [.. Enumerable.Range(0, shape.Slots).Select(i => new Slot(_memory.Address + i * (nint)shape.Piece))];
        try
        {
            route.Attach(_memory);
        }
        catch
        {
            _memory.Dispose();
            throw;
        }
    }

    /// <summary>Where the next run begins.</summary>
    public long Position => _position;

    /// <summary>Bytes of one transfer, a multiple of the block, and slots, so that a queue of that depth stays full.</summary>
    public static (long Piece, int Slots) ShapeOf(int blockSize, int depth, long bytes)
    {
        var piece = Math.Max(blockSize, Math.Min(SlotBytes, bytes / 2) / blockSize * blockSize);
        var inFlight = (long)blockSize * depth;
        return (piece, (int)((inFlight + piece - 1) / piece) + SpareSlots);
    }

    /// <summary>Reads, and waits until all of it has arrived.</summary>
    /// <param name="bytes">Bytes after which no more is asked for; a whole number of pieces is read.</param>
    /// <param name="limit">Time after which no more is asked for.</param>
    /// <param name="onRead">Called with the bytes that have arrived so far.</param>
    /// <exception cref="StorageException">StorageReadFailed.</exception>
    public (long Bytes, TimeSpan Time) Run(long bytes, TimeSpan limit, Action<long> onRead, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        long begun = 0;
        long arrived = 0;
        var (oldest, next, waiting) = (0, 0, 0);
        try
        {
            while (true)
            {
                while (waiting < _slots.Length && begun < bytes && (begun == 0 || Stopwatch.GetElapsedTime(start) < limit))
                {
                    begun += Begin(next);
                    (next, waiting) = ((next + 1) % _slots.Length, waiting + 1);
                }

                if (waiting == 0)
                {
                    break;
                }

                var transfer = _slots[oldest].Transfer;
                transfer.Wait(cancellationToken);
                if (waiting == 1)
                {
                    // Copies run in the order they were queued: the last one's end is the end of all.
                    transfer.Copied?.Wait();
                }

                arrived += transfer.Bytes;
                (oldest, waiting) = ((oldest + 1) % _slots.Length, waiting - 1);
                onRead(arrived);
            }
        }
        catch
        {
            Drain();
            throw;
        }

        return (arrived, Stopwatch.GetElapsedTime(start));
    }

    /// <summary>Spoils what the slots hold, so that bytes which never come are missed.</summary>
    public void Spoil()
    {
        ReadOnlySpan<byte> noise = [0xBA, 0xD0, 0xBA, 0xD1, 0xBA, 0xD2, 0xBA, 0xD3, 0xBA, 0xD4, 0xBA, 0xD5, 0xBA, 0xD6, 0xBA, 0xD7];
        foreach (var slot in _slots)
        {
            for (long offset = 0; offset < _piece; offset += _route.BlockSize)
            {
                _device.Write(noise, slot.Address + (nint)offset);
            }

            slot.Extents[0] = default;
        }

        // What arrives does not wait for the device's own work.
        _device.RecordFence(0).Wait();
    }

    /// <summary>Bytes that one run needs to fill every slot.</summary>
    public long Capacity => _piece * _slots.Length;

    /// <summary>Whether every slot that was filled since <see cref="Spoil"/> holds what the file holds, as the device sees it.</summary>
    public bool Verify(FileContent content, CancellationToken cancellationToken)
    {
        var filled = 0;
        foreach (var slot in _slots)
        {
            if (slot.Extents[0] is { Length: > 0 } extent)
            {
                cancellationToken.ThrowIfCancellationRequested();
                filled++;
                if (slot.Transfer.IsFaulted || _device.Checksum(slot.Address, extent.Length) != content.ChecksumOf(extent.Offset, extent.Length))
                {
                    return false;
                }
            }
        }

        return filled > 0;
    }

    public void Dispose()
    {
        var isSettled = Drain();
        Array.ForEach(_slots, s => s.Transfer.Dispose());
        if (isSettled)
        {
            _route.Detach(_memory);
            _memory.Dispose();
        }
        else
        {
            _memory.Abandon();
        }
    }

    long Begin(int index)
    {
        var slot = _slots[index];
        var length = Math.Min(_piece, _bytes - _position);
        slot.Extents[0] = new FileExtent(0, _position, length);
        _position = _position + length == _bytes ? 0 : _position + length;
        slot.Transfer.Prepare(slot.Extents, slot.Address, _route.BlockSize, copyFence: _route.CopyFences + index);
        _route.Begin(slot.Transfer);
        return length;
    }

    /// <summary>False where a read never ended, and may still write to its slot.</summary>
    bool Drain()
    {
        Array.ForEach(_slots, s => s.Transfer.Cancel());
        var isSettled = true;
        foreach (var slot in _slots)
        {
            isSettled &= slot.Transfer.Drain();
            try
            {
                slot.Transfer.Copied?.Wait();
            }
            catch (NvStreamException)
            {
                // A device that is lost copies nothing any more; it said so where the work was issued.
            }
        }

        return isSettled;
    }

    sealed class Slot(nint address)
    {
        public nint Address => address;

        public FileExtent[] Extents { get; } = new FileExtent[1];

        public Transfer Transfer { get; } = new();
    }
}
