using System.Diagnostics;
using NvStream.Compute;
using NvStream.Gguf;

namespace NvStream.Storage;

/// <summary>
/// One layer's way from its file ranges into one piece of memory, cut into blocks that a route's readers take.
/// Made once a slot and used again and again: a transfer in steady state allocates nothing.
/// </summary>
public sealed class Transfer : IDisposable
{
    readonly ManualResetEventSlim _done = new(true);
    IReadOnlyList<FileExtent> _extents = [];
    nint _destination;
    int _blockSize;
    IDeviceFence? _after;
    int _extent;
    long _extentDone;
    long _memoryDone;
    int _unclaimed;
    int _unfinished;
    Exception? _error;
    volatile bool _isCancelled;

    /// <summary>Bytes of the ranges.</summary>
    public long Bytes { get; private set; }

    /// <summary>Whether every block has been read, failed or been dropped: memory is no longer written.</summary>
    public bool IsComplete => _done.IsSet;

    /// <summary>Whether a block failed or was dropped: the memory does not hold the ranges.</summary>
    public bool IsFaulted => IsComplete && (_error is not null || _isCancelled);

    internal bool IsCancelled => _isCancelled;

    internal int BlockCount => _unclaimed;

    internal bool HasUnclaimed => _unclaimed > 0;

    /// <summary>Sets out what is to be read; the ranges go to <paramref name="destination"/> one after the other.</summary>
    /// <param name="destination">4 KiB-aligned memory for all of the ranges.</param>
    /// <param name="blockSize">Bytes of one read, a multiple of 4096.</param>
    /// <param name="after">Work that still reads the memory: nothing is written before it is done.</param>
    public void Prepare(IReadOnlyList<FileExtent> extents, nint destination, int blockSize, IDeviceFence? after = null)
    {
        Debug.Assert(IsComplete, "A transfer may be prepared again only when it is complete.");
        _extents = extents;
        _destination = destination;
        _blockSize = blockSize;
        _after = after;
        _extent = 0;
        _extentDone = _memoryDone = 0;
        _error = null;
        _isCancelled = false;
        Bytes = 0;
        var blocks = 0;
        for (var i = 0; i < extents.Count; i++)
        {
            Bytes += extents[i].Length;
            blocks += (int)((extents[i].Length + blockSize - 1) / blockSize);
        }

        _unclaimed = _unfinished = blocks;
        if (blocks > 0)
        {
            _done.Reset();
        }
    }

    /// <summary>The next block; callers hold the route's lock and have seen <see cref="HasUnclaimed"/>.</summary>
    internal Block Claim()
    {
        var extent = _extents[_extent];
        var length = (int)Math.Min(_blockSize, extent.Length - _extentDone);
        var block = new Block(extent.Shard, extent.Offset + _extentDone, length, _destination + (nint)_memoryDone);
        _memoryDone += length;
        _extentDone += length;
        if (_extentDone == extent.Length)
        {
            _extent++;
            _extentDone = 0;
        }

        _unclaimed--;
        return block;
    }

    /// <summary>Waits until the memory may be written.</summary>
    internal void AwaitFence() => _after?.Wait();

    /// <summary>Reports a block as read, failed (<paramref name="error"/>) or dropped. The first error is kept.</summary>
    internal void Finish(Exception? error)
    {
        if (error is not null)
        {
            Interlocked.CompareExchange(ref _error, error, null);
        }

        if (Interlocked.Decrement(ref _unfinished) == 0)
        {
            _done.Set();
        }
    }

    /// <summary>Blocks not yet started are dropped; those in flight end as usual.</summary>
    public void Cancel() => _isCancelled = true;

    /// <summary>Waits for the bytes.</summary>
    /// <exception cref="StorageException">StorageReadFailed.</exception>
    public void Wait(CancellationToken cancellationToken)
    {
        // A wait with the token itself would allocate its registration.
        while (!_done.Wait(50, CancellationToken.None))
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        if (_error is { } error)
        {
            throw error;
        }

        if (_isCancelled)
        {
            throw new OperationCanceledException("The transfer was dropped.");
        }
    }

    /// <summary>Waits until memory is no longer written, whatever came of it.</summary>
    public void Drain()
    {
        Cancel();
        _done.Wait();
    }

    public void Dispose()
    {
        Drain();
        _done.Dispose();
    }

    /// <summary>One read. All of offset, length and destination are multiples of 4096.</summary>
    internal readonly record struct Block(int Shard, long Offset, int Length, nint Destination);
}
