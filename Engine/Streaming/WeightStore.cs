using NvStream.Compute;
using NvStream.Models;
using NvStream.Storage;

namespace NvStream.Streaming;

/// <summary>All layers of a model, wherever they live: resident ones at their address, streamed ones from the belt.</summary>
public sealed class WeightStore : ILayerSource, IDisposable
{
    readonly LayerLayout[] _layers;
    readonly DeviceMemory?[] _resident;
    readonly IStorageRoute _route;
    readonly SlotBelt? _belt;

    /// <summary>Allocates everything; <see cref="Load"/> fills it.</summary>
    public WeightStore(IComputeDevice device, IStorageRoute route, LayerLayout[] layers, ResidencyPlan plan)
    {
        _layers = layers;
        _route = route;
        _resident = new DeviceMemory?[layers.Length];
        try
        {
            for (var i = 0; i < layers.Length; i++)
            {
                if (plan.Layers[i].Tier == Tier.Device)
                {
                    _resident[i] = device.Allocate(layers[i].Bytes, layers[i].Name);
                }
            }

            if (plan.SlotCount > 0)
            {
                _belt = new(device, route, layers.Where((_, i) => plan.Layers[i].Tier == Tier.Storage), plan.SlotCount, plan.SlotBytes);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public long BytesConsumed => _belt?.BytesConsumed ?? 0;

    public TimeSpan StorageStall => _belt?.StorageStall ?? TimeSpan.Zero;

    public TimeSpan StorageBusy => _belt?.StorageBusy ?? TimeSpan.Zero;

    /// <summary>Reads the resident layers at the route's full rate, then lets the belt run.</summary>
    /// <param name="onLoaded">Called with the bytes of each layer as it arrives.</param>
    /// <exception cref="StorageException">StorageReadFailed.</exception>
    public void Load(Action<long> onLoaded, CancellationToken cancellationToken)
    {
        // Two transfers in flight, so that the queue does not run dry between layers.
        using var first = new Transfer();
        using var second = new Transfer();
        var (current, next) = (first, second);
        var waiting = false;
        for (var i = 0; i < _layers.Length; i++)
        {
            if (_resident[i] is not { } memory)
            {
                continue;
            }

            next.Prepare(_layers[i].Extents.Extents, memory.Address, _route.BlockSize);
            _route.Begin(next);
            if (waiting)
            {
                current.Wait(cancellationToken);
                onLoaded(current.Bytes);
            }

            (current, next, waiting) = (next, current, true);
        }

        if (waiting)
        {
            current.Wait(cancellationToken);
            onLoaded(current.Bytes);
        }

        _belt?.Start();
    }

    public nint Acquire(int layer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _resident[layer]?.Address ?? _belt!.Acquire(_layers[layer], cancellationToken);
    }

    public void Release(int layer)
    {
        if (_resident[layer] is null)
        {
            _belt!.Release();
        }
    }

    /// <summary>Makes the next pass start at the first layer whatever became of the last one.</summary>
    public void Reset() => _belt?.Reset();

    public void Dispose()
    {
        _belt?.Dispose();
        foreach (var memory in _resident)
        {
            memory?.Dispose();
        }
    }
}
