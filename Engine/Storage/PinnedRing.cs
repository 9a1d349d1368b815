using NvStream.Compute;

namespace NvStream.Storage;

/// <summary>
/// Page-locked buffers between storage and a device's memory, used in turn by one thread. A buffer is given out again
/// only when the copy from it is done; the oldest copy ends first, so the buffer that has waited longest is the one to take.
/// </summary>
sealed class PinnedRing : IDisposable
{
    readonly IHostCopies _copies;
    readonly DeviceMemory _memory;
    readonly Queue<int> _free;
    readonly IDeviceFence?[] _copied;
    readonly int _bufferSize;

    /// <param name="count">Buffers, more than there are reads in flight; each uses the copy fence of its own number.</param>
    /// <exception cref="DeviceException">HostMemoryTooSmall.</exception>
    public PinnedRing(IHostCopies copies, int count, int bufferSize)
    {
        _copies = copies;
        _bufferSize = bufferSize;
        _copied = new IDeviceFence?[count];
        _free = new(Enumerable.Range(0, count));
        _memory = copies.AllocateHost((long)count * bufferSize, "staging buffers");
    }

    public nint Address => _memory.Address;

    public long Length => _memory.Length;

    /// <summary>The next buffer; false where none is back yet, or its last copy is under way.</summary>
    public bool TryTake(out int buffer)
    {
        if (!_free.TryPeek(out buffer) || _copied[buffer] is { IsComplete: false })
        {
            return false;
        }

        _free.Dequeue();
        return true;
    }

    /// <summary>Waits for the copy that <see cref="TryTake"/> waits for.</summary>
    public void AwaitBuffer()
    {
        if (_free.TryPeek(out var buffer))
        {
            _copied[buffer]?.Wait();
        }
    }

    public nint AddressOf(int buffer) => _memory.Address + buffer * (nint)_bufferSize;

    /// <summary>Queues the copy of a taken buffer's first bytes.</summary>
    public void Copy(int buffer, nint destination, int bytes, IDeviceFence? after)
    {
        _copies.Copy(AddressOf(buffer), destination, bytes, after);
        _copied[buffer] = _copies.RecordCopyFence(buffer);
    }

    public void Return(int buffer) => _free.Enqueue(buffer);

    /// <summary>Waits for the copies and frees the memory; nobody takes buffers any more.</summary>
    public void Dispose()
    {
        foreach (var fence in _copied)
        {
            fence?.Settle();
        }

        _memory.Dispose();
    }
}
