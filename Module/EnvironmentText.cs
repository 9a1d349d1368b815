using NvStream.Compute;
using NvStream.Measurement;

namespace NvStream.Commands;

/// <summary>How views and reports print what lies between a path and a device.</summary>
public static class EnvironmentText
{
    /// <summary>A line a subject.</summary>
    public static string Summary(PathEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        IEnumerable<string> lines =
        [
            Storage(environment),
            FileSystem(environment),
            environment.Kernel,
            .. environment.Gpu is null ? Enumerable.Empty<string>() : [Gpu(environment)],
            $"io_uring {IoUring(environment)}, lockable memory {MemlockLimit(environment)}",
            .. environment.MissingConditions.Select(c => "Missing: " + Missing(c)),
        ];
        return string.Join(Environment.NewLine, lines);
    }

    /// <summary>"nvme0n1 (nvme, KIOXIA CM7, 3.5 TB, PCIe 5.0 x4), through overlay, nvme0n1p2".</summary>
    public static string Storage(PathEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        var drives = environment.Drives.Count == 0 ? "no drive to be seen" : string.Join(", ", environment.Drives.Select(Drive));
        return environment.Stack.Count == 0 ? drives : $"{drives}, through {string.Join(", ", environment.Stack)}";
    }

    /// <summary>"ext4 at /data (rw,noatime)".</summary>
    public static string FileSystem(PathEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return (environment.FileSystem ?? "a file system of unknown kind")
            + (environment.MountPoint is { } at ? $" at {at}" : "")
            + (environment.MountOptions is { } options ? $" ({options})" : "");
    }

    /// <summary>"NVIDIA H200, PCIe 5.0 x16, NUMA node 0, BAR1 256.0 GB, driver 580.65.06, no nvidia-fs"; empty without a GPU.</summary>
    public static string Gpu(PathEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return environment.Gpu is not { } gpu
            ? ""
            : gpu + Tail(environment.GpuLink, environment.GpuNumaNode)
                + (environment.GpuBar1Memory is { } bar1 ? $", BAR1 {Human.Bytes(bar1)}" : "")
                + (environment.NvidiaDriver is { } driver ? $", driver {driver}" : "")
                + (environment.NvidiaFsVersion is { } version ? $", nvidia-fs {version}" : ", no nvidia-fs")
                + (environment.Iommu is { } iommu ? $", IOMMU {iommu}" : "");
    }

    /// <summary>"allowed", or "not allowed: " and why.</summary>
    public static string IoUring(PathEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return environment.IoUring ? "allowed" : "not allowed" + (environment.IoUringReason is { } reason ? $": {reason}" : "");
    }

    /// <summary>"8.0 MB" or "without limit".</summary>
    public static string MemlockLimit(PathEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return environment.MemlockLimit is { } limit ? Human.Bytes(limit) : "without limit";
    }

    /// <summary>A line a condition, or "none".</summary>
    public static string Missing(PathEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return environment.MissingConditions.Count == 0 ? "none" : string.Join(Environment.NewLine, environment.MissingConditions.Select(Missing));
    }

    /// <summary>"nvidia-fs: found none, needed version 2.17 or later. Remedy".</summary>
    public static string Missing(MissingCondition condition)
    {
        ArgumentNullException.ThrowIfNull(condition);
        return $"{condition.Name}: found {condition.Found}, needed {condition.Needed}. {condition.Remedy}";
    }

    /// <summary>"PCIe 4.0 x4 (at best 5.0 x4)".</summary>
    public static string Link(PcieLink link)
    {
        ArgumentNullException.ThrowIfNull(link);
        var now = Speed(link.Generation, link.Width);
        var best = Speed(link.MaxGeneration, link.MaxWidth);
        return $"PCIe {now}" + (best == now || link is { MaxGeneration: 0, MaxWidth: 0 } ? "" : $" (at best {best})");

        // 0 is not known.
        static string Speed(int generation, int width) =>
            string.Join(' ', generation == 0 ? "" : $"{generation}.0", width == 0 ? "" : $"x{width}").Trim();
    }

    static string Drive(BlockDevice drive)
    {
        string?[] parts = [drive.Transport, drive.Model, Human.Bytes(drive.Size), drive.IsRotational ? "rotational" : null];
        return $"{drive.Name} ({string.Join(", ", parts.Where(p => !string.IsNullOrEmpty(p)))}{Tail(drive.Link, drive.NumaNode)})";
    }

    static string Tail(PcieLink? link, int? numaNode) =>
        (link is null ? "" : ", " + Link(link)) + (numaNode is { } node ? $", NUMA node {node}" : "");
}
