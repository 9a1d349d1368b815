using System.Runtime.ExceptionServices;
using NvStream.Compute;
using NvStream.Models;
using NvStream.Storage;

namespace NvStream.Streaming;

/// <summary>All layers of a model, wherever they live: resident ones at their address, the others from the belt.</summary>
public sealed class WeightStore : ILayerSource, IDisposable
{
    readonly IComputeDevice _device;
    readonly IStorageRoute _route;
    readonly LayerLayout[] _layers;
    readonly Tier[] _tiers;

    /// <summary>Of layers on the device and, once they are loaded, of those in host memory.</summary>
    readonly DeviceMemory?[] _memory;
    readonly SlotBelt? _belt;
    readonly int _slotCount;
    HostLayers? _host;
    double _linkRate;

    /// <summary>Allocates all device memory; <see cref="Load"/> fills it, and allocates what lies in host memory meanwhile.</summary>
    public WeightStore(IComputeDevice device, IStorageRoute route, LayerLayout[] layers, ResidencyPlan plan)
    {
        _device = device;
        _route = route;
        _layers = layers;
        _tiers = [.. plan.Layers.Select(l => l.Tier)];
        _memory = new DeviceMemory?[layers.Length];
        _slotCount = plan.SlotCount;
        try
        {
            foreach (var i in LayersOf(Tier.Device))
            {
                _memory[i] = device.Allocate(layers[i].Bytes, layers[i].Name);
            }

            if (plan.SlotCount > 0)
            {
                _belt = new(
                    device, route, layers.Where((_, i) => _tiers[i] != Tier.Device), plan.SlotCount, plan.SlotBytes,
                    layer => _memory[Array.IndexOf(layers, layer)]?.Address ?? 0);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Bytes from storage that compute has used.</summary>
    public long BytesConsumed => _belt?.BytesConsumed ?? 0;

    /// <summary>Bytes from pinned host memory that compute has used.</summary>
    public long HostBytesConsumed => _belt?.HostBytesConsumed ?? 0;

    /// <summary>Time in which an idle device waited for reads.</summary>
    public TimeSpan StorageStall => _belt?.StorageStall ?? TimeSpan.Zero;

    /// <summary>Time in which the device waited for copies under way; no part of <see cref="StorageStall"/>.</summary>
    public TimeSpan DeviceStall => _device.HostCopies?.DeviceStall ?? TimeSpan.Zero;

    public TimeSpan StorageBusy => _belt?.StorageBusy ?? TimeSpan.Zero;

    /// <summary>
    /// Reads the layers of device and host at the route's full rate, then lets the belt run. Host memory is allocated by
    /// the way, and its layers come last. Called once; after a failure only <see cref="Dispose"/> is left to call.
    /// </summary>
    /// <param name="onLoaded">Called with the bytes of each layer as it arrives: those on the device first, then those in host memory.</param>
    /// <exception cref="StorageException">StorageReadFailed.</exception>
    /// <exception cref="DeviceException">HostMemoryTooSmall.</exception>
    public void Load(Action<long> onLoaded, CancellationToken cancellationToken)
    {
        var inHost = LayersOf(Tier.Host).Select(i => (_layers[i].Name, _layers[i].Bytes)).ToList();
        if (inHost.Count == 0)
        {
            LoadLayers(onLoaded, cancellationToken);
        }
        else
        {
            _host = new(_device.HostCopies!, inHost);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _host.Failed);
            try
            {
                LoadLayers(onLoaded, either.Token);
            }
            catch (OperationCanceledException) when (_host.Failure is not null && !cancellationToken.IsCancellationRequested)
            {
                ExceptionDispatchInfo.Throw(_host.Failure);
            }
        }

        if (_belt is not null && _device.HostCopies is { } copies)
        {
            _linkRate = LinkMeter.Measure(copies, _belt.FirstSlot, _belt.SlotBytes, _route.CopyFences);
        }

        _belt?.Start();
    }

    void LoadLayers(Action<long> onLoaded, CancellationToken cancellationToken)
    {
        // Two transfers in flight, so that the queue does not run dry between layers. The belt's fences are not in use
        // yet, and only the last one recorded is waited for.
        var fence = _route.CopyFences;
        using var first = new Transfer();
        using var second = new Transfer();
        var (current, next) = (first, second);
        DeviceMemory? currentMemory = null, nextMemory = null;
        try
        {
            foreach (var i in LayersOf(Tier.Device).Concat(LayersOf(Tier.Host)))
            {
                cancellationToken.ThrowIfCancellationRequested();
                nextMemory = _memory[i] ??= _host!.Take(cancellationToken);
                if (_tiers[i] == Tier.Device)
                {
                    next.Prepare(_layers[i].Extents.Extents, nextMemory.Address, _route.BlockSize, copyFence: fence);
                }
                else
                {
                    next.PrepareHost(_layers[i].Extents.Extents, nextMemory.Address, _route.BlockSize, fence);
                }

                _route.Begin(next);
                if (currentMemory is not null)
                {
                    current.Wait(cancellationToken);
                    onLoaded(current.Bytes);
                }

                (current, next, currentMemory, nextMemory) = (next, current, nextMemory, null);
            }

            if (currentMemory is not null)
            {
                current.Wait(cancellationToken);
                current.Copied?.Wait();
                onLoaded(current.Bytes);
            }
        }
        catch
        {
            LetGo(current, currentMemory);
            LetGo(next, nextMemory);
            throw;
        }
    }

    /// <summary>Layers whose home a tier is, in order.</summary>
    IEnumerable<int> LayersOf(Tier tier) => Enumerable.Range(0, _layers.Length).Where(i => _tiers[i] == tier);

    /// <summary>A read that never ends may still write to the memory: that is then left allocated.</summary>
    static void LetGo(Transfer transfer, DeviceMemory? memory)
    {
        transfer.Leave();
        if (!transfer.Drain())
        {
            memory?.Abandon();
        }
    }

    public bool IsResident(int layer) => _tiers[layer] == Tier.Device;

    public nint Acquire(int layer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return IsResident(layer) ? _memory[layer]!.Address : _belt!.Acquire(_layers[layer], cancellationToken);
    }

    public void Release(int layer)
    {
        if (!IsResident(layer))
        {
            _belt!.Release();
        }
    }

    /// <summary>Time that so many bytes take from host memory to the device at the rate seen when loading; none where they need not move.</summary>
    public TimeSpan LinkTime(long bytes) => _linkRate > 0 ? TimeSpan.FromSeconds(bytes / _linkRate) : TimeSpan.Zero;

    /// <summary>Makes the next pass start at the first layer whatever became of the last one.</summary>
    /// <param name="isSpoiled">Whether the last one failed: what was read ahead meanwhile may yet fail for the same reason.</param>
    public void Reset(bool isSpoiled = false) => _belt?.Reset(isSpoiled);

    /// <summary>Waits for device work and copies issued so far, whatever became of them.</summary>
    public void Settle() => DeviceWork.Settle(_device, _slotCount, _route.CopyFences + _slotCount);

    public void Dispose()
    {
        _belt?.Dispose();
        Settle();
        _host?.Dispose();
        Array.ForEach(_memory, m => m?.Dispose());
    }
}
