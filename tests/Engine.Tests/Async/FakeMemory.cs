using NvStream.Compute;

namespace NvStream.Tests.Async;

/// <summary>Memory that counts itself, knows its bounds, and tells when it is freed under work that may still use it.</summary>
sealed class FakeMemory : DeviceMemory
{
    readonly DeviceMemory _inner;
    readonly Heap _heap;

    FakeMemory(DeviceMemory inner, Heap heap)
        : base(inner.Address, inner.Length)
    {
        _inner = inner;
        _heap = heap;
    }

    protected override void Free()
    {
        _heap.Remove(this);
        _inner.Dispose();
    }

    /// <summary>All memory of one kind: the device's, or page-locked host memory.</summary>
    public sealed class Heap(Func<bool> isIdle)
    {
        readonly Lock _lock = new();
        readonly List<FakeMemory> _live = [];

        /// <summary>Bytes in cuts of 4 KiB.</summary>
        public long LiveBytes { get; private set; }

        public long PeakBytes { get; private set; }

        /// <summary>Blocks that were freed while work was under way.</summary>
        public int FreedTooEarly { get; private set; }

        public FakeMemory Add(DeviceMemory inner)
        {
            var memory = new FakeMemory(inner, this);
            lock (_lock)
            {
                _live.Add(memory);
                LiveBytes += Cut(memory.Length);
                PeakBytes = Math.Max(PeakBytes, LiveBytes);
            }

            return memory;
        }

        public void Remove(FakeMemory memory)
        {
            lock (_lock)
            {
                _live.Remove(memory);
                LiveBytes -= Cut(memory.Length);
                FreedTooEarly += isIdle() ? 0 : 1;
            }
        }

        public bool Contains(nint address, long bytes)
        {
            lock (_lock)
            {
                return _live.Exists(m => address >= m.Address && address + bytes <= m.Address + Cut(m.Length));
            }
        }

        public static long Cut(long bytes) => (bytes + 4095) / 4096 * 4096;
    }
}
