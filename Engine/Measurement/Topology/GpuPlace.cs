using NvStream.Compute;

namespace NvStream.Measurement.Topology;

/// <summary>Where a card is plugged in: by NVML where it answered, else by /sys.</summary>
internal sealed class GpuPlace(SystemTree tree, DeviceInfo gpu)
{
    public DeviceInfo Gpu { get; } = gpu;

    public PciDevice? Pci { get; } = PciDevice.At(tree, gpu.PciAddress);

    public int? NumaNode { get; } = gpu.NumaNode ?? PciDevice.At(tree, gpu.PciAddress)?.NumaNode;

    /// <summary>Null where neither knows.</summary>
    public PcieLink? Link { get; } = gpu.PcieWidth is > 0
        ? new(gpu.PcieGeneration ?? 0, gpu.PcieWidth.Value, gpu.MaxPcieGeneration ?? 0, gpu.MaxPcieWidth ?? 0)
        : PciDevice.At(tree, gpu.PciAddress)?.Link;

    /// <summary>NVIDIA's consumer cards do not let other devices at their memory.</summary>
    public bool IsConsumerCard => Gpu.Name.Contains("GeForce", StringComparison.OrdinalIgnoreCase);

    public static GpuPlace? Of(SystemTree tree, DeviceInfo? device) => device is { Kind: DeviceKind.Cuda } ? new(tree, device) : null;
}
