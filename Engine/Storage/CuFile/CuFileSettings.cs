namespace NvStream.Storage.CuFile;

/// <summary>What cuFile's driver is opened with.</summary>
/// <param name="BlockSize">Bytes of one read, a multiple of 4096.</param>
/// <param name="QueueDepth">Reads in flight.</param>
sealed record CuFileSettings(int BlockSize, int QueueDepth)
{
    /// <summary>Reads in flight, whatever is asked for: each has a batch of its own.</summary>
    public const int MostReads = 128;

    /// <summary>Buffers of compatibility mode's pool, where nobody asked for others. More than these in flight hang.</summary>
    public const int DefaultPoolBuffers = 64;

    /// <summary>Bytes of one of them.</summary>
    public const int PoolBufferBytes = 1 << 20;

    /// <summary>Threads that serve reads in compatibility mode.</summary>
    public int Threads { get; init; } = 8;

    /// <summary>Whether reads may go by host memory where there is no direct path.</summary>
    public bool AllowsCompat { get; init; } = true;

    /// <summary>
    /// Whether a direct path is looked for: a batch's reads take it only up to the size of cuFile's own GPU buffers, which
    /// are then made as large as a block.
    /// </summary>
    public bool SeeksDirectPath { get; init; }

    /// <summary>Whether to ask the kernel's peer-to-peer DMA instead of nvidia-fs (kernel 6.2, open driver 565).</summary>
    public bool UsesPeerToPeer { get; init; }

    /// <summary>
    /// Buffers of compatibility mode: two sizes of the library's own, and one of a block's size for as many as are in flight.
    /// </summary>
    public (int KiB, int Count)[] PosixPool
    {
        get
        {
            var blockKiB = (BlockSize + 1023) / 1024;
            return blockKiB <= PoolBufferBytes / 1024
                ? [(4, 128), (PoolBufferBytes / 1024, Math.Max(DefaultPoolBuffers, QueueDepth))]
                : [(4, 128), (PoolBufferBytes / 1024, DefaultPoolBuffers), (blockKiB, QueueDepth)];
        }
    }

    /// <summary>Reads of a size that may be in flight without overrunning compatibility mode's buffers.</summary>
    /// <param name="hasOwnPool">Whether <see cref="PosixPool"/> is in force.</param>
    public int MostInFlight(int blockSize, bool hasOwnPool)
    {
        var byDefault = DefaultPoolBuffers / Math.Max(1, (blockSize + PoolBufferBytes - 1) / PoolBufferBytes);
        var own = hasOwnPool && blockSize <= Math.Max(BlockSize, PoolBufferBytes) ? QueueDepth : 0;
        return Math.Clamp(Math.Max(byDefault, own), 1, MostReads);
    }
}
