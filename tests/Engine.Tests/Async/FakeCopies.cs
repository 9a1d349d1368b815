using System.Collections.Concurrent;
using System.Diagnostics;
using NvStream.Compute;
using NvStream.Compute.Cpu;

namespace NvStream.Tests.Async;

/// <summary>Copies in the order they were queued, each late by chance, over memory of 0xFF (NaN in every float type).</summary>
sealed unsafe class FakeCopies : IHostCopies, IDisposable
{
    readonly AsyncFakeDevice _device;
    readonly WorkQueue _queue = new("fake copies");
    readonly Dictionary<int, QueueFence> _fences = [];
    readonly Random _random;
    readonly int _mostDelay;
    int _copies;
    int _allocations;

    public FakeCopies(AsyncFakeDevice device, int seed, int mostDelayMicroseconds)
    {
        _device = device;
        _random = new(seed);
        _mostDelay = mostDelayMicroseconds;
        Memory = new(() => _queue.IsIdle);
    }

    public FakeMemory.Heap Memory { get; }

    /// <summary>Called with the number of each copy that is asked for, from 1.</summary>
    public Action<int>? OnCopy { get; set; }

    public ConcurrentQueue<Exception> Failures => _queue.Failures;

    public bool IsIdle => _queue.IsIdle;

    public TimeSpan DeviceStall { get; set; }

    public Action<int>? OnAllocateHost
    {
        get;
        set => (field, _allocations) = (value, 0);
    }

    public DeviceMemory AllocateHost(long bytes, string purpose)
    {
        OnAllocateHost?.Invoke(Interlocked.Increment(ref _allocations));
        return Memory.Add(CpuMemory.Allocate(bytes, "Fake host", purpose));
    }

    public void Bind()
    {
    }

    public void Copy(nint host, nint device, long bytes, IDeviceFence? after)
    {
        if (!Memory.Contains(host, bytes) || !_device.Memory.Contains(device, bytes))
        {
            throw new ArgumentException("A copy goes from page-locked memory to the device's own.", nameof(host));
        }

        OnCopy?.Invoke(Interlocked.Increment(ref _copies));
        var released = ((QueueFence?)after)?.Current;
        _queue.Add(() =>
        {
            released?.Wait();
            new Span<byte>((void*)device, (int)bytes).Fill(0xFF);
            Delay();
            Buffer.MemoryCopy((void*)host, (void*)device, bytes, bytes);
        });
    }

    public IDeviceFence RecordCopyFence(int slot)
    {
        lock (_fences)
        {
            var fence = _fences.TryGetValue(slot, out var known) ? known : _fences[slot] = new();
            fence.Record(_queue);
            return fence;
        }
    }

    public void AwaitOnDevice(IDeviceFence fence) => _device.Await(((QueueFence)fence).Current);

    public void Dispose() => _queue.Dispose();

    void Delay()
    {
        var until = Stopwatch.GetTimestamp() + _random.Next(_mostDelay) * Stopwatch.Frequency / 1_000_000;
        while (Stopwatch.GetTimestamp() < until)
        {
            Thread.Yield();
        }
    }
}
