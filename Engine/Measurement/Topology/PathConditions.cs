using NvStream.Compute;

namespace NvStream.Measurement.Topology;

/// <summary>What the way between a path and a device lacks.</summary>
internal sealed class PathConditions(SystemTree tree, KernelFacts kernel, StorageStack storage, PathEnvironment environment)
{
    /// <summary>File systems that have no reads past the page cache, or take them and make them through it.</summary>
    static readonly string[] Cached = ["tmpfs", "ramfs", "devtmpfs", "rootfs", "squashfs", "iso9660", "ecryptfs", "zfs", "9p"];

    readonly List<MissingCondition> missing = [];

    /// <param name="gpu">Null leaves out what matters only with one.</param>
    public IReadOnlyList<MissingCondition> List(GpuPlace? gpu)
    {
        AddHostConditions();
        if (gpu is not null)
        {
            AddGpuConditions(gpu);
        }

        return missing;
    }

    void AddHostConditions()
    {
        if (environment.IoUringReason is { } reason)
        {
            missing.Add(new(
                "io_uring", reason, "Linux 5.11 or later that lets this process use io_uring",
                "Allow it by the setting kernel.io_uring_disabled, and in a container by its seccomp profile. Without it files are read by threads."));
        }

        if (environment.MemlockLimit < GpuConditions.SlotSet && !kernel.MayLockAnything)
        {
            missing.Add(new(
                "memlock limit", FormattableString.Invariant($"{environment.MemlockLimit >> 10} KiB"),
                FormattableString.Invariant($"{GpuConditions.SlotSet >> 20} MiB or unlimited"),
                "Raise it for this user: memlock in /etc/security/limits.conf, LimitMEMLOCK= of a service, --ulimit memlock=-1 of a container."));
        }

        if (DirectReadsRefused() is { } refusal)
        {
            missing.Add(new(
                "direct reads", refusal, "a file system that reads past the page cache: xfs, ext4, btrfs without compression",
                "Keep the models on such a file system. Here they are read through the page cache."));
        }

        var spinning = storage.Drives.Where(d => d.Drive.IsRotational).Select(d => d.Drive.Name).ToArray();
        if (spinning.Length > 0)
        {
            missing.Add(new("solid state drive", string.Join(", ", spinning) + ": a spinning disk", "a solid state drive, best an NVMe one", "Keep the models on one."));
        }

        foreach (var drive in storage.Drives.Select(d => d.Drive))
        {
            if (GpuConditions.Narrow("drive PCIe link", drive.Name, drive.Link) is { } narrow)
            {
                missing.Add(narrow);
            }
        }
    }

    string? DirectReadsRefused()
    {
        if (storage.FileSystem is not { } name)
        {
            return null;
        }

        return Cached.Contains(name) ? name : name == "ext4" && Ext4DataMode() == "journal" ? "ext4 with data=journal" : null;
    }

    void AddGpuConditions(GpuPlace gpu)
    {
        AddUdevData();
        AddNumaNodes(gpu);
        missing.AddRange(GpuConditions.Card(gpu));
        var machine = GpuConditions.DirectPath(kernel, gpu);
        if (gpu.IsConsumerCard)
        {
            missing.AddRange(machine);
            return;
        }

        var layered = kernel.NvidiaFsVersion is null ? LayersInTheWay() : null;
        missing.AddRange(machine);
        if (layered is not null)
        {
            // Without nvidia-fs it is P2PDMA that has to do, and that wants the bare drive.
            if (machine.Count == 0)
            {
                missing.Add(GpuConditions.NvidiaFs());
            }

            missing.Add(layered);
        }

        AddDirectStorage();
    }

    void AddUdevData()
    {
        if (environment.HasUdevData == false)
        {
            var file = "/run/udev/data/b" + storage.DeviceNumber;
            missing.Add(new(
                "udev data", tree.Exists(file) ? $"{file} has not both E:ID_FS_USAGE=filesystem and E:ID_FS_TYPE" : $"no {file}",
                "udev's entry for the block device with E:ID_FS_USAGE=filesystem and E:ID_FS_TYPE: without it cuFile refuses the file with error 5027",
                "Run udev on the host; in a container, mount the host's /run/udev there, read-only."));
        }
    }

    void AddNumaNodes(GpuPlace gpu)
    {
        var far = storage.Drives.Select(d => d.Drive).Where(d => d.NumaNode is { } node && node != gpu.NumaNode).ToArray();
        if (gpu.NumaNode is { } home && far.Length > 0)
        {
            missing.Add(new(
                "NUMA node", FormattableString.Invariant($"{gpu.Gpu.Name} on node {home}, ") + string.Join(", ", far.Select(d => FormattableString.Invariant($"{d.Name} on node {d.NumaNode}"))),
                "drives and GPU on one NUMA node",
                "Keep the models on drives at the GPU's node, or use a GPU at the drives'. Reads across nodes share the link between the processors."));
        }
    }

    MissingCondition? LayersInTheWay()
    {
        var between = storage.Layers.Where(l => l.Kind is not (LayerKind.Partition or LayerKind.Opaque or LayerKind.Encryption)).Select(l => l.Text).ToArray();
        return between.Length == 0 ? null : new(
            "P2PDMA drive", string.Join(", ", between), "a file system on an NVMe drive or a partition of it, nothing between",
            "Keep the models on a file system of its own drive, or use nvidia-fs, which knows md volumes.");
    }

    void AddDirectStorage()
    {
        var isNear = storage.Drives.Count > 0 && storage.Drives.All(d =>
            d.Drive.Transport == "nvme" || (d.Drive.Transport == "nvme-rdma" && kernel.NvidiaFsVersion is not null));
        if (!isNear)
        {
            missing.Add(new(
                "local NVMe",
                storage.Drives.Count == 0
                    ? "no drive to be seen" + (storage.Layers.Count > 0 ? " below " + storage.Layers[^1].Text : "")
                    : string.Join(", ", storage.Drives.Select(d => $"{d.Drive.Name} ({d.Drive.Transport})")),
                "NVMe drives on PCIe", "Keep the models on an NVMe drive of this machine; a virtual machine needs it passed through."));
        }

        if (storage.Layers.FirstOrDefault(l => l.Kind == LayerKind.Encryption) is { Text: { } encrypted })
        {
            missing.Add(new(
                "unencrypted volume", encrypted, "a volume that the processor does not have to decrypt",
                "Where policy allows, keep the models on one: weights are seldom secret. A self-encrypting drive is no obstacle."));
        }

        if (FileSystemInTheWay() is { } found)
        {
            missing.Add(new(
                "GPUDirect file system", found, "xfs, or ext4 with data=ordered",
                "Keep the models on such a file system; cuFile takes others by way of host memory."));
        }

        if (environment.Iommu?.StartsWith(PciDevice.Translating, StringComparison.Ordinal) == true)
        {
            missing.Add(new(
                "IOMMU", environment.Iommu, "off or passthrough, for transfers that need not pass the processor",
                "Leave it as it is unless the machine's owner decides otherwise: it protects memory from devices. HostStaged works with it at full rate."));
        }
    }

    string? FileSystemInTheWay() => (environment.FileSystem, Ext4DataMode()) switch
    {
        ("xfs", _) or ("ext4", "ordered") => null,
        ("ext4", var mode) => "ext4 with data=" + mode,
        (null, _) => "an unknown file system",
        (var other, _) => other,
    };

    /// <summary>The kernel leaves the mode out of the mount options where it is the default, and then tells it elsewhere.</summary>
    string Ext4DataMode()
    {
        const string Prefix = "data=";
        if (storage.FileSystemMount is not { FileSystem: "ext4" } mount)
        {
            return "";
        }

        if (mount.SuperOption("data") is { } stated)
        {
            return stated;
        }

        var device = mount.Source[(mount.Source.LastIndexOf('/') + 1)..];
        return (tree.Text($"/proc/fs/ext4/{device}/options") ?? "").Split('\n')
            .Where(l => l.StartsWith(Prefix, StringComparison.Ordinal)).Select(l => l[Prefix.Length..]).FirstOrDefault() ?? "ordered";
    }
}
