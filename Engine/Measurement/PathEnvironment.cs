using NvStream.Compute;
using NvStream.Measurement.Topology;

namespace NvStream.Measurement;

/// <summary>What lies between a path and a device: enough to tell two machines' measurements apart.</summary>
public sealed record PathEnvironment
{
    public required string Path { get; init; }

    /// <summary>Where its file system is mounted; null where that is not known.</summary>
    public string? MountPoint { get; init; }

    /// <summary>"ext4", "xfs", "overlay".</summary>
    public string? FileSystem { get; init; }

    /// <summary>As mounted: "rw,noatime,data=ordered".</summary>
    public string? MountOptions { get; init; }

    /// <summary>
    /// The drives that hold the bytes, below partitions, LVM, md and overlays; empty where there are none (network,
    /// memory) or they cannot be seen.
    /// </summary>
    public required IReadOnlyList<BlockDevice> Drives { get; init; }

    /// <summary>How the file system comes to its drives, from above: "overlay", "dm-0 (LVM vg-models)", "md0 (raid0)", "nvme0n1p2".</summary>
    public required IReadOnlyList<string> Stack { get; init; }

    /// <summary>Of the operating system: "Linux 6.8.0-45-generic".</summary>
    public required string Kernel { get; init; }

    /// <summary>The GPU's name; null without one.</summary>
    public string? Gpu { get; init; }

    /// <summary>The GPU's link.</summary>
    public PcieLink? GpuLink { get; init; }

    /// <summary>The GPU's NUMA node; null where that is not known or there is only one.</summary>
    public int? GpuNumaNode { get; init; }

    /// <summary>Whether io_uring may be used by this process.</summary>
    public required bool IoUring { get; init; }

    /// <summary>Bytes that this process may lock in memory; null is no limit.</summary>
    public long? MemlockLimit { get; init; }

    /// <summary>Why io_uring may not be used; null where it may.</summary>
    public string? IoUringReason { get; init; }

    /// <summary>Of the NVIDIA kernel driver: "580.65.06 (open kernel modules)"; null where there is none.</summary>
    public string? NvidiaDriver { get; init; }

    /// <summary>Of the loaded nvidia-fs module; null where it is not loaded.</summary>
    public string? NvidiaFsVersion { get; init; }

    /// <summary>
    /// Whether udev has told what is on the path's block device, which cuFile asks before it takes a file of it; null
    /// where there is no such device.
    /// </summary>
    public bool? HasUdevData { get; init; }

    /// <summary>What the IOMMU does with the drives' transfers: "off", "passthrough", "translating (DMA-FQ)"; null where that is not known.</summary>
    public string? Iommu { get; init; }

    /// <summary>Bytes of the GPU's memory that other devices can address; null where that is not known.</summary>
    public long? GpuBar1Memory { get; init; }

    /// <summary>What the fastest routes would need and is not there.</summary>
    public required IReadOnlyList<MissingCondition> MissingConditions { get; init; }

    /// <summary>
    /// What lies between a path and a device on this machine. Never fails for what cannot be found out: it is null, or
    /// among the missing conditions.
    /// </summary>
    /// <param name="path">A file or folder; one that does not exist stands for the folder it would be made in.</param>
    /// <param name="gpu">Null, or the CPU's, for the processor alone: then nothing is said of what only a GPU needs.</param>
    /// <exception cref="ArgumentException">The path is empty or no path.</exception>
    public static PathEnvironment Of(string path, DeviceInfo? gpu = null) =>
        PathSurvey.Make(System.IO.Path.GetFullPath(path), gpu, SystemTree.Live(), LiveProbes.IoUring);

    /// <summary>The same of a recorded machine.</summary>
    /// <param name="path">Absolute.</param>
    /// <param name="ioUring">Gives why io_uring is refused, null where it works; without it the kernel's settings alone count.</param>
    internal static PathEnvironment Of(string path, DeviceInfo? gpu, SystemTree tree, Func<string?>? ioUring) => PathSurvey.Make(path, gpu, tree, ioUring);
}

/// <summary>A drive.</summary>
/// <param name="Name">"nvme0n1".</param>
/// <param name="Transport">"nvme", "sata", "sas", "usb", "virtio", "nvme-tcp", "loop"; "unknown" otherwise.</param>
/// <param name="Model">As the drive names itself; null where it does not.</param>
/// <param name="Size">Bytes.</param>
/// <param name="IsRotational">Whether it is a spinning disk.</param>
/// <param name="NumaNode">Null where that is not known or there is only one.</param>
/// <param name="Link">Null where it has none of its own.</param>
public sealed record BlockDevice(string Name, string Transport, string? Model, long Size, bool IsRotational, int? NumaNode, PcieLink? Link);

/// <summary>A PCIe link as it runs now and at best; 0 where that is not known.</summary>
/// <param name="Generation">Now. Idle links are clocked down.</param>
/// <param name="Width">Lanes now.</param>
/// <param name="MaxGeneration">That card and slot can do.</param>
/// <param name="MaxWidth">Lanes that card and slot can do.</param>
public sealed record PcieLink(int Generation, int Width, int MaxGeneration, int MaxWidth);
