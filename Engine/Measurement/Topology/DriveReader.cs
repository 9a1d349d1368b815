using System.Text.RegularExpressions;

namespace NvStream.Measurement.Topology;

/// <summary>What /sys tells of a drive (Documentation/ABI/stable/sysfs-block).</summary>
internal static partial class DriveReader
{
    const long SectorBytes = 512;

    /// <param name="device">Folder of the whole drive in /sys.</param>
    public static PluggedDrive Read(SystemTree tree, string device)
    {
        var name = device[(device.LastIndexOf('/') + 1)..];
        var controller = NvmeController(tree, device, name);
        var transport = controller is null ? TransportOf(device, name) : NvmeTransport(tree, controller);
        var pci = PciDevice.Above(tree, controller ?? device);
        var sectors = tree.Number(device + "/size") is >= 0 and <= long.MaxValue / SectorBytes and var count ? count : 0;
        return new(
            new(
                name, transport, tree.Line(device + "/device/model") ?? tree.Line(device + "/device/name"), sectors * SectorBytes,
                // Hypervisors let their disks be taken for spinning ones, whatever they are.
                transport != "virtio" && tree.Number(device + "/queue/rotational") == 1, pci?.NumaNode,
                // Behind another kind of controller the link is shared and none of the drive's own.
                transport == "nvme" ? pci?.Link : null),
            pci);
    }

    /// <summary>
    /// The controller's folder. Where the kernel joins several paths to a drive, the drive hangs on a subsystem that has
    /// links to its controllers, and the first of them counts.
    /// </summary>
    static string? NvmeController(SystemTree tree, string device, string name)
    {
        if (!name.StartsWith("nvme", StringComparison.Ordinal))
        {
            return null;
        }

        var parent = device[..device.LastIndexOf('/')];
        if (!parent.Contains("/nvme-subsystem/", StringComparison.Ordinal))
        {
            return parent;
        }

        return tree.Names(parent).Where(n => ControllerForm().IsMatch(n)).Select(n => tree.Resolve($"{parent}/{n}")).FirstOrDefault() ?? parent;
    }

    /// <summary>"nvme" on PCIe, as kernels call it that are too old to say; "nvme-tcp", "nvme-rdma", "nvme-fc" otherwise.</summary>
    static string NvmeTransport(SystemTree tree, string controller) => tree.Line(controller + "/transport") switch
    {
        "pcie" => "nvme",
        null => PciDevice.Above(tree, controller) is null ? "unknown" : "nvme",
        var fabric => "nvme-" + fabric,
    };

    static string TransportOf(string device, string name)
    {
        // The folder's path is the way to the drive: .../ata1/host0/..., .../usb2/2-1/..., .../virtio1/block/vda.
        foreach (var part in device.Split('/'))
        {
            var transport = WayForm().Match(part) is { Success: true } match ? match.Groups["way"].Value : null;
            switch (transport)
            {
                case "ata":
                    return "sata";
                case "session":
                    return "iscsi";
                case "end_device-" or "expander-":
                    return "sas";
                case "rport-":
                    return "fc";
                case { Length: > 0 }:
                    return transport;
            }
        }

        return name.StartsWith("loop", StringComparison.Ordinal) ? "loop" : "unknown";
    }

    [GeneratedRegex(@"^nvme[0-9]+$")]
    private static partial Regex ControllerForm();

    [GeneratedRegex(@"^(?<way>usb|virtio|ata|session|mmc)[0-9]+$|^(?<way>end_device-|expander-|rport-)[0-9:.-]+$", RegexOptions.ExplicitCapture)]
    private static partial Regex WayForm();
}
