using System.Diagnostics;
using NvStream.Compute;
using NvStream.Gguf;

namespace NvStream.Storage;

/// <summary>Where a transfer's bytes come from and go to.</summary>
enum TransferPath
{
    /// <summary>From the file into the memory that computes.</summary>
    FileToDevice,

    /// <summary>From the file into pinned host memory.</summary>
    FileToHost,

    /// <summary>From pinned host memory into the device's own.</summary>
    HostToDevice,
}

/// <summary>
/// One layer's way into one piece of memory, cut into blocks that a route reads or copies.
/// Made once a slot and used again and again: a transfer in steady state allocates nothing.
/// </summary>
public sealed class Transfer : IDisposable
{
    /// <summary>A copy needs no blocks, but a block's length is an int.</summary>
    const int CopyBlock = 1 << 30;

    /// <summary>How long <see cref="Drain"/> waits for reads that the system does not end.</summary>
    static readonly TimeSpan s_drainLimit = TimeSpan.FromSeconds(2);

    readonly ManualResetEventSlim _done = new(true);
    readonly ManualResetEventSlim _settled = new(true);
    readonly FileExtent[] _hostRange = new FileExtent[1];
    IReadOnlyList<FileExtent> _extents = [];
    nint _source;
    nint _destination;
    int _blockSize;
    int _extent;
    long _extentDone;
    long _memoryDone;
    int _unsettled;
    Exception? _error;
    volatile bool _isCancelled;
    bool _hasDrained;

    /// <summary>Bytes of the ranges.</summary>
    public long Bytes { get; private set; }

    /// <summary>
    /// Whether every block has been delivered, failed or been dropped. To a device's own memory every copy has been
    /// queued then, and <see cref="Copied"/> completes when they are done.
    /// </summary>
    public bool IsComplete => _done.IsSet;

    /// <summary>Whether a block failed or was dropped: the memory does not hold the ranges.</summary>
    public bool IsFaulted => IsComplete && HasFailed;

    /// <summary>Completes when the bytes have arrived; null where they have once the transfer is complete.</summary>
    public IDeviceFence? Copied { get; internal set; }

    internal TransferPath Path { get; private set; }

    /// <summary>Work that still reads the destination: nothing is written before it is done.</summary>
    internal IDeviceFence? After { get; private set; }

    /// <summary>The number of the copy fence that is this transfer's.</summary>
    internal int CopyFence { get; private set; }

    /// <summary>Whether <see cref="Leave"/> was called.</summary>
    internal bool IsLeft { get; private set; }

    internal bool HasFailed => _error is not null || _isCancelled;

    /// <summary>Blocks that nobody has claimed yet.</summary>
    internal int Unclaimed { get; private set; }

    /// <summary>Sets out what is to be read; the ranges go to <paramref name="destination"/> one after the other.</summary>
    /// <param name="destination">4 KiB-aligned memory, the device's, for all of the ranges.</param>
    /// <param name="blockSize">Bytes of one read, a multiple of 4096.</param>
    /// <param name="after">Work that still reads the memory: nothing is written before it is done.</param>
    /// <param name="copyFence">Number of a copy fence that nobody else uses, where the route copies.</param>
    public void Prepare(IReadOnlyList<FileExtent> extents, nint destination, int blockSize, IDeviceFence? after = null, int copyFence = 0) =>
        Prepare(TransferPath.FileToDevice, extents, 0, destination, blockSize, after, copyFence);

    /// <summary>The same into pinned host memory.</summary>
    public void PrepareHost(IReadOnlyList<FileExtent> extents, nint destination, int blockSize, int copyFence) =>
        Prepare(TransferPath.FileToHost, extents, 0, destination, blockSize, after: null, copyFence);

    /// <summary>Sets out a copy from pinned host memory to the device's own.</summary>
    public void PrepareCopy(nint source, long bytes, nint destination, IDeviceFence? after, int copyFence)
    {
        _hostRange[0] = new(0, 0, bytes);
        Prepare(TransferPath.HostToDevice, _hostRange, source, destination, CopyBlock, after, copyFence);
    }

    void Prepare(
        TransferPath path, IReadOnlyList<FileExtent> extents, nint source, nint destination, int blockSize, IDeviceFence? after, int copyFence)
    {
        Debug.Assert(IsComplete, "A transfer may be prepared again only when it is complete.");
        Path = path;
        After = after;
        CopyFence = copyFence;
        Copied = null;
        _extents = extents;
        _source = source;
        _destination = destination;
        _blockSize = blockSize;
        _extent = 0;
        _extentDone = _memoryDone = 0;
        _error = null;
        _isCancelled = IsLeft = _hasDrained = false;
        Bytes = 0;
        Unclaimed = 0;
        for (var i = 0; i < extents.Count; i++)
        {
            Bytes += extents[i].Length;
            Unclaimed += (int)((extents[i].Length + blockSize - 1) / blockSize);
        }

        _done.Reset();
    }

    /// <summary>The next of the <see cref="Unclaimed"/> blocks; by the route's thread.</summary>
    internal Block Claim()
    {
        var extent = _extents[_extent];
        var length = (int)Math.Min(_blockSize, extent.Length - _extentDone);
        var block = new Block(extent.Shard, extent.Offset + _extentDone, length, _destination + (nint)_memoryDone, _source + (nint)_memoryDone);
        _memoryDone += length;
        _extentDone += length;
        if (_extentDone == extent.Length)
        {
            _extent++;
            _extentDone = 0;
        }

        Unclaimed--;
        return block;
    }

    /// <summary>Keeps the first error.</summary>
    internal void Fail(Exception error) => Interlocked.CompareExchange(ref _error, error, null);

    /// <summary>Lets those who wait go on.</summary>
    /// <param name="unsettled">Reads that were given up and may still write to the memory; each ends in <see cref="Settle"/>.</param>
    internal void Complete(int unsettled)
    {
        if (unsettled > 0)
        {
            _settled.Reset();
            Interlocked.Add(ref _unsettled, unsettled);
        }

        _done.Set();
    }

    /// <summary>A read that was given up has ended after all.</summary>
    internal void Settle()
    {
        if (Interlocked.Decrement(ref _unsettled) == 0)
        {
            _settled.Set();
        }
    }

    /// <summary>Blocks not yet started are dropped; those in flight end as usual.</summary>
    public void Cancel() => _isCancelled = true;

    /// <summary>The same, for good: nobody will use the memory, so reads in flight are soon given up if they do not end.</summary>
    internal void Leave()
    {
        IsLeft = true;
        Cancel();
    }

    /// <summary>Waits for the transfer to complete.</summary>
    /// <exception cref="StorageException">StorageReadFailed.</exception>
    public void Wait(CancellationToken cancellationToken)
    {
        // A wait with the token itself would allocate its registration.
        while (!TryWait(50))
        {
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>As <see cref="Wait"/>, but false when it has not completed after so many milliseconds.</summary>
    internal bool TryWait(int milliseconds)
    {
        if (!_done.Wait(milliseconds, CancellationToken.None))
        {
            return false;
        }

        if (_error is { } error)
        {
            throw error;
        }

        return !_isCancelled ? true : throw new OperationCanceledException("The transfer was dropped.");
    }

    /// <summary>
    /// Waits until the transfer is complete, whatever came of it. False where the system never ended a read: the memory
    /// may still be written to and must not be given back. Only the first call waits for such reads.
    /// </summary>
    public bool Drain()
    {
        Cancel();
        _done.Wait();
        var wait = _hasDrained ? TimeSpan.Zero : s_drainLimit;
        _hasDrained = true;
        return _settled.Wait(wait);
    }

    public void Dispose()
    {
        // A read that never ends keeps the events: it will set them.
        if (Drain())
        {
            _done.Dispose();
            _settled.Dispose();
        }
    }

    /// <summary>One read or copy. All of offset, length and destination are multiples of 4096.</summary>
    /// <param name="File">Index of the file.</param>
    /// <param name="Source">Host address, where the transfer copies; otherwise the block is read from the file.</param>
    internal readonly record struct Block(int File, long Offset, int Length, nint Destination, nint Source);
}
