using System.Diagnostics;
using NvStream.Compute;
using NvStream.Models;
using NvStream.Storage;

namespace NvStream.Streaming;

/// <summary>
/// The streamed layers as one endless cycle through a few slots of device memory. Reading runs ahead of compute as far as
/// there are free slots, across pass borders too: after the last layer the first is already on its way.
/// Two conditions keep it safe: a slot is refilled only when the work on its layer is done (a device fence), and a layer
/// is handed out only when its bytes are there (the transfer). Driven by the one thread that runs passes.
/// </summary>
public sealed class SlotBelt : IDisposable
{
    readonly IComputeDevice _device;
    readonly IStorageRoute _route;
    readonly LayerLayout[] _cycle;
    readonly Slot[] _slots;
    long _consumed;
    long _begun;

    /// <param name="cycle">The streamed layers in the order of the forward pass.</param>
    public SlotBelt(IComputeDevice device, IStorageRoute route, IEnumerable<LayerLayout> cycle, int slotCount, long slotBytes)
    {
        _device = device;
        _route = route;
        _cycle = [.. cycle];
        _slots = new Slot[slotCount];
        try
        {
            for (var i = 0; i < slotCount; i++)
            {
                _slots[i] = new(device.Allocate(slotBytes, $"slot {i}"), new Transfer());
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Bytes handed to compute since the belt was made.</summary>
    public long BytesConsumed { get; private set; }

    /// <summary>Time in which compute waited for bytes, since the belt was made.</summary>
    public TimeSpan StorageStall { get; private set; }

    /// <summary>Time in which storage had reads in flight; the rest of a pass it waited for a free slot.</summary>
    public TimeSpan StorageBusy => _route.BusyTime;

    /// <summary>Starts reading ahead; called once loading is over, and again after <see cref="Reset"/>.</summary>
    public void Start()
    {
        while (_begun < _consumed + _slots.Length)
        {
            BeginNext(after: null);
        }
    }

    /// <summary>The next layer of the cycle, once its bytes are there.</summary>
    /// <exception cref="StorageException">StorageReadFailed; the belt must be reset before it is used again.</exception>
    public nint Acquire(LayerLayout layer, CancellationToken cancellationToken)
    {
        Debug.Assert(_cycle[_consumed % _cycle.Length] == layer, "Layers leave the belt in the order of the cycle.");
        var slot = _slots[_consumed % _slots.Length];
        var start = Stopwatch.GetTimestamp();
        try
        {
            slot.Transfer.Wait(cancellationToken);
        }
        finally
        {
            StorageStall += Stopwatch.GetElapsedTime(start);
        }

        BytesConsumed += slot.Transfer.Bytes;
        return slot.Memory.Address;
    }

    /// <summary>The layer last acquired is done with: its slot takes the next one.</summary>
    public void Release()
    {
        var slot = (int)(_consumed++ % _slots.Length);
        BeginNext(_device.RecordFence(slot));
    }

    /// <summary>After a failed or cancelled pass: drops what is in flight and begins at the cycle's first layer again.</summary>
    public void Reset()
    {
        if (_consumed % _cycle.Length == 0 && !HasFailed())
        {
            return;
        }

        Drain();
        _consumed = _begun = 0;
        Start();
    }

    public void Dispose()
    {
        Drain();
        foreach (var slot in _slots)
        {
            slot.Transfer?.Dispose();
            slot.Memory?.Dispose();
        }
    }

    bool HasFailed() => Array.Exists(_slots, s => s.Transfer.IsFaulted);

    void Drain()
    {
        foreach (var slot in _slots)
        {
            slot.Transfer?.Cancel();
        }

        foreach (var slot in _slots)
        {
            slot.Transfer?.Drain();
        }
    }

    void BeginNext(IDeviceFence? after)
    {
        var slot = _slots[_begun % _slots.Length];
        slot.Transfer.Prepare(_cycle[_begun % _cycle.Length].Extents.Extents, slot.Memory.Address, _route.BlockSize, after);
        _begun++;
        _route.Begin(slot.Transfer);
    }

    readonly record struct Slot(DeviceMemory Memory, Transfer Transfer);
}
