using NvStream.Compute;
using NvStream.Measurement.Topology;

namespace NvStream.Measurement;

/// <summary>The devices of this machine, with what the machine around them makes of them.</summary>
public static class MachineDevices
{
    /// <summary>Every usable device, the CPU last; never fails.</summary>
    /// <param name="log">Gets what was looked for.</param>
    public static IReadOnlyList<DeviceInfo> List(Action<string>? log = null)
    {
        var tree = SystemTree.Live();
        return [.. ComputeDevices.List(log).Select(d => Describe(d, tree, LiveProbes.CuFileVersion))];
    }

    /// <param name="cuFileVersion">Gives null where cuFile is not there; without it nothing is said of cuFile.</param>
    internal static DeviceInfo Describe(DeviceInfo device, SystemTree tree, Func<string?>? cuFileVersion)
    {
        if (GpuPlace.Of(tree, device) is not { } gpu)
        {
            return device;
        }

        var kernel = new KernelFacts(tree);
        var cuFile = cuFileVersion?.Invoke();
        var direct = DirectPath(kernel, gpu, isCuFileMissing: cuFileVersion is not null && cuFile is null);
        return device with
        {
            NumaNode = gpu.NumaNode,
            PcieGeneration = Known(gpu.Link?.Generation),
            PcieWidth = Known(gpu.Link?.Width),
            MaxPcieGeneration = Known(gpu.Link?.MaxGeneration),
            MaxPcieWidth = Known(gpu.Link?.MaxWidth),
            CuFileVersion = cuFile,
            GpuDirect = direct.Count == 0,
            GpuDirectReason = Reason(kernel, gpu, direct),
            MissingConditions = [.. direct, .. GpuConditions.Card(gpu)],
        };
    }

    static List<MissingCondition> DirectPath(KernelFacts kernel, GpuPlace gpu, bool isCuFileMissing)
    {
        if (kernel.Release is null)
        {
            return [new("Linux", Environment.OSVersion.ToString(), "Linux: cuFile is not made for other systems", "Nothing has to be done: HostStaged is the fastest route here.")];
        }

        var missing = new List<MissingCondition>(GpuConditions.DirectPath(kernel, gpu));
        if (gpu.IsConsumerCard)
        {
            return missing;
        }

        if (isCuFileMissing)
        {
            missing.Add(new("cuFile", "libcufile.so.0 was not found", "NVIDIA's cuFile library", "Install it from the CUDA toolkit's packages (libcufile)."));
        }

        if (kernel.NvidiaFsVersion is null && !kernel.HasLocalNvme)
        {
            missing.Add(new(
                "local NVMe", "no NVMe drive on PCIe", "an NVMe drive on PCIe",
                "Add one; a virtual machine needs it passed through."));
        }

        return missing;
    }

    static string Reason(KernelFacts kernel, GpuPlace gpu, IReadOnlyList<MissingCondition> missing) => missing switch
    {
        [] when kernel.NvidiaFsVersion is { } version => $"nvidia-fs {version} is loaded.",
        [] => $"P2PDMA: Linux {kernel.Release}, NVIDIA driver {kernel.Driver}, NVMe on PCIe.",
        _ when gpu.IsConsumerCard => "GeForce cards have no direct path to storage; files are read into page-locked host memory and copied from there.",
        _ => $"Missing: {string.Join(", ", missing.Select(m => m.Name))}. Files are read into page-locked host memory and copied from there.",
    };

    static int? Known(int? number) => number is > 0 ? number : null;
}
