using System.Globalization;
using System.Text.RegularExpressions;

namespace NvStream.Measurement.Topology;

/// <summary>A PCI function in /sys (Documentation/ABI/testing/sysfs-bus-pci).</summary>
/// <param name="Folder">"/sys/devices/pci0000:16/0000:16:01.0/0000:17:00.0".</param>
internal sealed partial record PciDevice(SystemTree Tree, string Folder)
{
    /// <summary>"0000:17:00.0".</summary>
    public string Address => Folder[(Folder.LastIndexOf('/') + 1)..];

    /// <summary>Null where that is not known or the machine has only one.</summary>
    public int? NumaNode => Tree.Number(Folder + "/numa_node") is >= 0 and <= int.MaxValue and var node && CountNumaNodes(Tree) > 1 ? (int)node : null;

    /// <summary>Null where the function says nothing of a link: it is built into the processor or a hypervisor made it up.</summary>
    public PcieLink? Link
    {
        get
        {
            var own = (Generation: GenerationOf(Folder, "current"), Width: WidthOf(Folder, "current"), MaxGeneration: GenerationOf(Folder, "max"), MaxWidth: WidthOf(Folder, "max"));
            if (own.Width == 0)
            {
                return null;
            }

            // The slot is the port above; it may do less than the card.
            var slot = Folder[..Folder.LastIndexOf('/')];
            return new(own.Generation, own.Width, Least(own.MaxGeneration, GenerationOf(slot, "max")), Least(own.MaxWidth, WidthOf(slot, "max")));
        }
    }

    /// <summary>What the IOMMU does with this function's transfers: "off", "passthrough", "translating (DMA-FQ)".</summary>
    public string Iommu
    {
        get
        {
            // Documentation/ABI/testing/sysfs-kernel-iommu_groups: identity, DMA, DMA-FQ, auto.
            if (!Tree.Exists(Folder + "/iommu_group"))
            {
                return "off";
            }

            var group = Tree.Resolve(Folder + "/iommu_group");
            var type = Tree.Line("/sys/kernel/iommu_groups/" + group[(group.LastIndexOf('/') + 1)..] + "/type");
            return type switch
            {
                "identity" => "passthrough",
                null => Translating,
                _ => $"{Translating} ({type})",
            };
        }
    }

    public const string Translating = "translating";

    /// <param name="address">"0000:17:00.0", in any case; null where there is no such function.</param>
    public static PciDevice? At(SystemTree tree, string? address)
    {
        var link = "/sys/bus/pci/devices/" + address?.ToLowerInvariant();
        return address is not null && AddressForm().IsMatch(address.ToLowerInvariant()) && tree.Exists(link) ? new(tree, tree.Resolve(link)) : null;
    }

    /// <summary>The function that a device of another kind hangs on: the nearest above it; null where there is none.</summary>
    public static PciDevice? Above(SystemTree tree, string folder)
    {
        for (var end = folder.Length; end > 0; end = folder.LastIndexOf('/', end - 1))
        {
            var path = folder[..end];
            if (AddressForm().IsMatch(path[(path.LastIndexOf('/') + 1)..]))
            {
                return new(tree, path);
            }
        }

        return null;
    }

    public static int CountNumaNodes(SystemTree tree) => tree.Names("/sys/devices/system/node").Count(name => NodeForm().IsMatch(name));

    static int Least(int one, int other) => one == 0 || other == 0 ? Math.Max(one, other) : Math.Min(one, other);

    /// <summary>"16.0 GT/s PCIe", older kernels "16 GT/s"; 0 is unknown.</summary>
    int GenerationOf(string folder, string when)
    {
        var speed = Tree.Line($"{folder}/{when}_link_speed")?.Split(' ')[0];
        return double.TryParse(speed, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var transfers) ? transfers switch
        {
            2.5 => 1,
            5 => 2,
            8 => 3,
            16 => 4,
            32 => 5,
            64 => 6,
            128 => 7,
            _ => 0,
        } : 0;
    }

    /// <summary>0 is unknown; so is 255, which a link that is down reads as.</summary>
    int WidthOf(string folder, string when) => Tree.Number($"{folder}/{when}_link_width") is >= 1 and <= 32 and var lanes ? (int)lanes : 0;

    [GeneratedRegex(@"^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$")]
    private static partial Regex AddressForm();

    [GeneratedRegex(@"^node\d+$")]
    private static partial Regex NodeForm();
}
