using NvStream.Compute;

namespace NvStream.Measurement.Topology;

/// <summary>What a card and its driver lack, whatever the path.</summary>
internal static class GpuConditions
{
    /// <summary>Bytes of device memory that a set of slots takes: what has to be addressable, or locked, at once.</summary>
    public const long SlotSet = 256L << 20;

    /// <summary>For a direct path between drive and card; empty where either way to it, nvidia-fs or P2PDMA, is open.</summary>
    public static IReadOnlyList<MissingCondition> DirectPath(KernelFacts kernel, GpuPlace gpu)
    {
        if (gpu.IsConsumerCard)
        {
            return
            [
                new(
                    "GPU with a direct path", gpu.Gpu.Name, "a data center or professional card",
                    "Nothing has to be done: HostStaged is this card's fastest route."),
            ];
        }

        if (kernel.NvidiaFsVersion is not null)
        {
            return [];
        }

        var lacking = PeerToPeer(kernel);
        return lacking.Count == 0 ? [] : [NvidiaFs(), .. lacking];
    }

    public static MissingCondition NvidiaFs() => new(
        "nvidia-fs", "not loaded", "the nvidia-fs kernel module, or all that P2PDMA needs",
        "Install NVIDIA's package of GPUDirect Storage for this distribution (nvidia-gds) and load the module: modprobe nvidia-fs. In a container, on its host.");

    /// <summary>Of P2PDMA, the kernel's own way between two PCIe devices, what does not depend on the drive.</summary>
    public static IReadOnlyList<MissingCondition> PeerToPeer(KernelFacts kernel)
    {
        // https://docs.nvidia.com/gpudirect-storage/troubleshooting-guide/nvme-p2pdma-troubleshooting.html
        var missing = new List<MissingCondition>();
        if (kernel.Version < new Version(6, 2))
        {
            missing.Add(new(
                "P2PDMA kernel", "Linux " + (kernel.Release ?? "of unknown version"), "Linux 6.2 or later, with PCI_P2PDMA",
                "Install the distribution's newer kernel, or use nvidia-fs, which needs none."));
        }

        var driver = kernel.Driver;
        if (driver is not { IsOpen: true, Branch: >= 565 })
        {
            missing.Add(new(
                "P2PDMA driver", driver is null ? "no NVIDIA kernel driver to be seen in /proc/driver/nvidia" : "NVIDIA driver " + driver,
                "NVIDIA's open kernel modules, 565 or later",
                "Install the open variant of the driver's package (nvidia-open), 565 or later."));
        }

        if (driver is { IsX64: true } && kernel.DriverParameter("RegistryDwords")?.Contains("RMForceStaticBar1=1", StringComparison.OrdinalIgnoreCase) != true)
        {
            missing.Add(new(
                "P2PDMA static BAR1",
                kernel.DriverParameter("RegistryDwords") is { Length: > 0 } words ? $"RegistryDwords \"{words}\"" : "not set in /proc/driver/nvidia/params",
                "the driver's parameter RMForceStaticBar1=1",
                "Set NVreg_RegistryDwords=\"RMForceStaticBar1=1;RmForceDisableIomapWC=1;\" for the module nvidia in /etc/modprobe.d and load the driver anew."));
        }

        if (kernel.NvmeMultipath == "Y")
        {
            missing.Add(new(
                "P2PDMA NVMe multipath", "nvme_core.multipath is Y", "nvme_core.multipath N",
                "Where no drive is reached by several paths, set multipath=N for the module nvme_core in /etc/modprobe.d, renew the initramfs and restart."));
        }

        return missing;
    }

    /// <summary>Of the card itself.</summary>
    public static IEnumerable<MissingCondition> Card(GpuPlace gpu)
    {
        if (Narrow("GPU PCIe link", gpu.Gpu.Name, gpu.Link) is { } narrow)
        {
            yield return narrow;
        }

        // A BAR1 of exactly a slot set is the usual one without resizing, and the driver takes its part of it.
        if (gpu.Gpu.Bar1Memory is > 0 and <= SlotSet)
        {
            yield return new(
                "BAR1", FormattableString.Invariant($"{gpu.Gpu.Bar1Memory >> 20} MiB"), FormattableString.Invariant($"more than {SlotSet >> 20} MiB"),
                "Switch on \"Above 4G Decoding\" and \"Resizable BAR\" in the firmware setup, if it has them. HostStaged does not need it.");
        }
    }

    /// <summary>Only lanes tell: an idle link's generation is clocked down.</summary>
    public static MissingCondition? Narrow(string name, string device, PcieLink? link) => link is not null && link.Width < link.MaxWidth
        ? new(
            name, FormattableString.Invariant($"{device} runs {link.Width} of {link.MaxWidth} lanes"), FormattableString.Invariant($"{link.MaxWidth} lanes"),
            "Reseat the device, use a slot with all lanes wired, and see the firmware setup for lanes that the slot shares with others (bifurcation).")
        : null;
}
