using NvStream.Compute.Cuda.Driver;

namespace NvStream.Compute.Cuda;

/// <summary>A card's memory: one reserved block cut to pieces, or blocks of their own where nothing is reserved.</summary>
/// <param name="name">The card's, for error messages.</param>
internal sealed class CudaAllocator(CudaContext context, CudaStream compute, CudaStream copies, string name) : IDisposable
{
    /// <summary>Bytes in which the driver maps a card's memory.</summary>
    public const int Granularity = 2 << 20;

    Arena? arena;
    DeviceBlock? arenaBlock;
    nint arenaAddress;
    long liveBytes;
    int liveCuts;
    int releases;

    /// <summary>Bytes of all memory handed out and not disposed, as asked for.</summary>
    public long LiveBytes => Interlocked.Read(ref liveBytes);

    /// <summary>How often memory was given back: what was recorded before may point to what is no longer there.</summary>
    public int Releases => Volatile.Read(ref releases);

    /// <exception cref="DeviceException">DeviceBudgetTooSmall.</exception>
    public void Reserve(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (Volatile.Read(ref liveCuts) > 0)
        {
            throw new InvalidOperationException("Memory is reserved already, and parts of it are in use.");
        }

        Drop();
        if (bytes == 0)
        {
            return;
        }

        var length = bytes > long.MaxValue - Granularity ? bytes : (bytes + Granularity - 1) & -Granularity;
        (arenaBlock, arenaAddress) = Block(length, "the whole plan");
        Clear(arenaAddress, length);
        arena = new(length);
    }

    /// <summary>Zeroed; nothing on the device is using it when this returns.</summary>
    /// <exception cref="DeviceException">DeviceBudgetTooSmall.</exception>
    public CudaMemory Allocate(long bytes, string purpose)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (arena is { } reserved)
        {
            var start = reserved.Cut(bytes, out var isFresh)
                ?? throw DeviceException.OutOfMemory(name + "'s reserved memory", bytes, purpose, reserved.FreeBytes);
            var address = arenaAddress + (nint)start;
            if (!isFresh)
            {
                // Whoever had it before may have left copies on their way to it.
                copies.Synchronize();
                Clear(address, Arena.Taken(bytes));
            }

            Interlocked.Increment(ref liveCuts);
            Interlocked.Add(ref liveBytes, bytes);
            return new(this, address, bytes, reserved, start);
        }

        var taken = bytes > long.MaxValue - Arena.Alignment ? bytes : Arena.Taken(bytes);
        var (block, own) = Block(taken, purpose);
        Clear(own, taken);
        Interlocked.Add(ref liveBytes, bytes);
        return new(this, own, bytes, block);
    }

    /// <summary>Called by memory that is disposed or finalized, on any thread.</summary>
    public void Released(long bytes, bool isCut)
    {
        Interlocked.Add(ref liveBytes, -bytes);
        Interlocked.Increment(ref releases);
        if (isCut)
        {
            Interlocked.Decrement(ref liveCuts);
        }
    }

    public void Dispose() => Drop();

    void Drop()
    {
        arenaBlock?.Dispose();
        (arena, arenaBlock, arenaAddress) = (null, null, 0);
    }

    /// <summary>The driver aligns large blocks far better than asked for here, and small ones less.</summary>
    (DeviceBlock Block, nint Address) Block(long bytes, string purpose)
    {
        var block = DeviceBlock.TryAllocate(context, bytes);
        if (block is not null && block.Value % Arena.Alignment != 0)
        {
            block.Dispose();
            block = DeviceBlock.TryAllocate(context, bytes + Arena.Alignment);
        }

        return block is null
            ? throw DeviceException.OutOfMemory(name, bytes, purpose, DeviceBlock.Info(context).Free)
            : (block, (block.Value + Arena.Alignment - 1) & -(nint)Arena.Alignment);
    }

    /// <summary>Waits, because copies to the memory do not wait for the compute stream.</summary>
    void Clear(nint address, long bytes)
    {
        Copies.Clear(context, address, bytes, compute);
        compute.Synchronize();
    }
}

/// <summary>A part of the reserved block, or a block of its own.</summary>
internal sealed class CudaMemory : DeviceMemory
{
    readonly CudaAllocator allocator;
    readonly DeviceBlock? block;
    readonly Arena? arena;
    readonly long start;

    public CudaMemory(CudaAllocator allocator, nint address, long bytes, DeviceBlock block)
        : base(address, bytes) => (this.allocator, this.block) = (allocator, block);

    public CudaMemory(CudaAllocator allocator, nint address, long bytes, Arena arena, long start)
        : base(address, bytes) => (this.allocator, this.arena, this.start) = (allocator, arena, start);

    protected override void Free()
    {
        arena?.Return(start, Length);
        block?.Dispose();
        allocator.Released(Length, isCut: arena is not null);
    }
}
