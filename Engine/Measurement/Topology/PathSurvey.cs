using System.Runtime.InteropServices;
using NvStream.Compute;

namespace NvStream.Measurement.Topology;

/// <summary>Puts together what is known of a path's surroundings.</summary>
internal static class PathSurvey
{
    /// <param name="path">Absolute.</param>
    /// <param name="ioUring">Gives why io_uring is refused; without it the kernel's settings alone count.</param>
    public static PathEnvironment Make(string path, DeviceInfo? device, SystemTree tree, Func<string?>? ioUring)
    {
        var gpu = GpuPlace.Of(tree, device);
        var kernel = new KernelFacts(tree);
        return kernel.Release is null ? MakePlain(path, gpu) : MakeLinux(path, gpu, tree, kernel, ioUring);
    }

    static PathEnvironment MakeLinux(string path, GpuPlace? gpu, SystemTree tree, KernelFacts kernel, Func<string?>? ioUring)
    {
        var storage = StorageWalk.Down(tree, path);
        var refusal = kernel.IoUringRefusal ?? ioUring?.Invoke();
        var environment = new PathEnvironment
        {
            Path = path,
            MountPoint = storage.Mount?.Point,
            FileSystem = storage.Mount?.FileSystem,
            MountOptions = storage.Mount?.AllOptions,
            Drives = [.. storage.Drives.Select(d => d.Drive)],
            Stack = [.. storage.Layers.Select(l => l.Text)],
            Kernel = "Linux " + kernel.Release,
            Gpu = gpu?.Gpu.Name,
            GpuLink = gpu?.Link,
            GpuNumaNode = gpu?.NumaNode,
            GpuBar1Memory = gpu?.Gpu.Bar1Memory,
            IoUring = refusal is null,
            IoUringReason = refusal,
            MemlockLimit = kernel.MemlockLimit,
            NvidiaDriver = kernel.Driver?.ToString(),
            NvidiaFsVersion = kernel.NvidiaFsVersion,
            HasUdevData = storage.DeviceNumber is { } number ? HasUdevData(tree, number) : null,
            Iommu = storage.Drives.Select(d => d.Pci?.Iommu).OfType<string>().Order(StringComparer.Ordinal).LastOrDefault(),
            MissingConditions = [],
        };
        return environment with { MissingConditions = new PathConditions(tree, kernel, storage, environment).List(gpu) };
    }

    /// <summary>Where there is no /proc: what the runtime knows, and no guess.</summary>
    static PathEnvironment MakePlain(string path, GpuPlace? gpu)
    {
        var volume = VolumeOf(path);
        return new()
        {
            Path = path,
            MountPoint = volume?.Name,
            FileSystem = volume?.Format,
            Drives = [],
            Stack = [],
            Kernel = RuntimeInformation.OSDescription,
            Gpu = gpu?.Gpu.Name,
            GpuLink = gpu?.Link,
            GpuNumaNode = gpu?.NumaNode,
            GpuBar1Memory = gpu?.Gpu.Bar1Memory,
            IoUring = false,
            IoUringReason = "there is no Linux kernel",
            MissingConditions = gpu is null ? [] : [.. GpuConditions.Card(gpu)],
        };
    }

    static (string Name, string? Format)? VolumeOf(string path)
    {
        try
        {
            var comparison = OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
            var drive = DriveInfo.GetDrives().Where(d => path.StartsWith(d.Name, comparison)).MaxBy(d => d.Name.Length);
            return drive is null ? null : (drive.Name, drive.IsReady ? drive.DriveFormat : null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>udev's database, as cuFile asks for it before it registers a file.</summary>
    static bool HasUdevData(SystemTree tree, string deviceNumber)
    {
        var lines = (tree.Text("/run/udev/data/b" + deviceNumber) ?? "").Split('\n');
        return lines.Contains("E:ID_FS_USAGE=filesystem") && lines.Any(l => l.StartsWith("E:ID_FS_TYPE=", StringComparison.Ordinal));
    }
}
