using System.Diagnostics;
using NvStream.Compute;
using NvStream.Models;
using NvStream.Storage;

namespace NvStream.Streaming;

/// <summary>
/// The layers that are not resident as one endless cycle through a few slots of device memory. Reading runs ahead of
/// compute as far as there are free slots, across pass borders too: after the last layer the first is already on its way.
/// Two conditions keep it safe: a slot is refilled only when the work on its layer is done (a device fence), and work on a
/// layer begins only when its bytes are there (the transfer, and where it ends in a copy, that copy's fence, for which
/// the device waits and not the caller). Driven by the one thread that runs passes.
/// </summary>
public sealed class SlotBelt : IDisposable
{
    readonly IComputeDevice _device;
    readonly IStorageRoute _route;
    readonly LayerLayout[] _cycle;
    readonly Func<LayerLayout, nint>? _hostAddress;
    readonly nint[] _hostAddresses;
    readonly DeviceMemory _memory;
    readonly Transfer[] _slots;
    long _consumed;
    long _begun;

    /// <param name="cycle">The streamed layers in the order of the forward pass.</param>
    /// <param name="hostAddress">Where a layer lies in pinned host memory; 0 for one that is read from storage. Asked when the belt starts.</param>
    public SlotBelt(
        IComputeDevice device, IStorageRoute route, IEnumerable<LayerLayout> cycle, int slotCount, long slotBytes, Func<LayerLayout, nint>? hostAddress = null)
    {
        _device = device;
        _route = route;
        _cycle = [.. cycle];
        _hostAddress = hostAddress;
        _hostAddresses = new nint[_cycle.Length];
        _slots = [.. Enumerable.Range(0, slotCount).Select(_ => new Transfer())];
        SlotBytes = slotBytes;

        // One block, so that the route registers it once.
        _memory = device.Allocate(slotCount * slotBytes, "slots");
        try
        {
            _route.Attach(_memory);
        }
        catch
        {
            _memory.Dispose();
            throw;
        }
    }

    /// <summary>Address of the first slot; the others follow it.</summary>
    public nint FirstSlot => _memory.Address;

    public long SlotBytes { get; }

    /// <summary>Bytes from storage handed to compute since the belt was made.</summary>
    public long BytesConsumed { get; private set; }

    /// <summary>The same of bytes from host memory.</summary>
    public long HostBytesConsumed { get; private set; }

    /// <summary>
    /// Time in which the device had nothing left to do while <see cref="Acquire"/> waited for bytes, since the belt was
    /// made. What it then waits for copies that are under way is counted by the device itself
    /// (<see cref="IHostCopies.DeviceStall"/>): the one ends before the other begins.
    /// </summary>
    public TimeSpan StorageStall { get; private set; }

    /// <summary>Time in which storage had reads in flight; the rest of a pass it waited for a free slot.</summary>
    public TimeSpan StorageBusy => _route.BusyTime;

    /// <summary>Starts reading ahead; called once loading is over, and again after <see cref="Reset"/>.</summary>
    public void Start()
    {
        for (var i = 0; i < _cycle.Length; i++)
        {
            _hostAddresses[i] = _hostAddress?.Invoke(_cycle[i]) ?? 0;
        }

        // After a pass that was given up, its work may still be using the slots.
        while (_begun < _consumed + _slots.Length)
        {
            BeginNext(_device.RecordFence((int)(_begun % _slots.Length)));
        }
    }

    /// <summary>The next layer of the cycle, once work issued from now on finds its bytes there.</summary>
    /// <exception cref="StorageException">StorageReadFailed; the belt must be reset before it is used again.</exception>
    public nint Acquire(LayerLayout layer, CancellationToken cancellationToken)
    {
        var place = _consumed % _cycle.Length;
        Debug.Assert(_cycle[place] == layer, "Layers leave the belt in the order of the cycle.");
        var slot = (int)(_consumed % _slots.Length);
        var transfer = _slots[slot];
        WaitFor(transfer, cancellationToken);
        if (transfer.Copied is { } copied)
        {
            _device.HostCopies!.AwaitOnDevice(copied);
        }

        if (_hostAddresses[place] == 0)
        {
            BytesConsumed += transfer.Bytes;
        }
        else
        {
            HostBytesConsumed += transfer.Bytes;
        }

        return AddressOf(slot);
    }

    /// <summary>The layer last acquired is done with: its slot takes the next one.</summary>
    public void Release()
    {
        var slot = (int)(_consumed++ % _slots.Length);
        BeginNext(_device.RecordFence(slot));
    }

    /// <summary>After a failed or cancelled pass: drops what is in flight and begins at the cycle's first layer again.</summary>
    /// <param name="isSpoiled">Whether what is on its way was asked for in a time when reads failed.</param>
    public void Reset(bool isSpoiled = false)
    {
        if (!isSpoiled && _consumed % _cycle.Length == 0 && !HasFailed())
        {
            return;
        }

        Drain();
        _consumed = _begun = 0;
        Start();
    }

    public void Dispose()
    {
        Array.ForEach(_slots, s => s.Leave());
        var isSettled = Drain();
        DeviceWork.Settle(_device, _slots.Length, _route.CopyFences + _slots.Length);
        Array.ForEach(_slots, s => s.Dispose());
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

    nint AddressOf(int slot) => _memory.Address + slot * (nint)SlotBytes;

    void WaitFor(Transfer transfer, CancellationToken cancellationToken)
    {
        if (transfer.TryWait(0))
        {
            return;
        }

        // As long as the device has work, waiting for bytes costs nothing.
        var issued = _device.RecordFence(_slots.Length);
        long idleSince = 0;
        try
        {
            do
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (idleSince == 0 && issued.IsComplete)
                {
                    idleSince = Stopwatch.GetTimestamp();
                }
            }
            while (!transfer.TryWait(idleSince == 0 ? 1 : 50));
        }
        finally
        {
            StorageStall += idleSince == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(idleSince);
        }
    }

    bool HasFailed() => Array.Exists(_slots, s => s.IsFaulted);

    /// <summary>False where a read never ended, and may still write to its slot.</summary>
    bool Drain()
    {
        Array.ForEach(_slots, s => s.Cancel());
        var isSettled = true;
        foreach (var slot in _slots)
        {
            isSettled &= slot.Drain();
        }

        return isSettled;
    }

    void BeginNext(IDeviceFence after)
    {
        var index = (int)(_begun % _slots.Length);
        var place = _begun % _cycle.Length;
        var (slot, layer, host) = (_slots[index], _cycle[place], _hostAddresses[place]);
        if (host == 0)
        {
            slot.Prepare(layer.Extents.Extents, AddressOf(index), _route.BlockSize, after, _route.CopyFences + index);
        }
        else
        {
            slot.PrepareCopy(host, layer.Bytes, AddressOf(index), after, _route.CopyFences + index);
        }

        _begun++;
        _route.Begin(slot);
    }
}
