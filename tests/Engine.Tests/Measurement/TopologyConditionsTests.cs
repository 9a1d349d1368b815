using NvStream.Compute;
using NvStream.Measurement;

namespace NvStream.Tests.Measurement;

/// <summary>What is missing on the recorded machines, and that each says what is there, what would do, and how to come by it.</summary>
public sealed class TopologyConditionsTests
{
    static readonly DeviceInfo GeForce = TopologyTree.H200 with
    {
        Name = "NVIDIA GeForce RTX 4090",
        Bar1Memory = 256L << 20,
        PcieGeneration = 1,
        PcieWidth = 8,
        MaxPcieGeneration = 4,
        MaxPcieWidth = 16,
    };

    [Fact]
    public void A_laptop_without_a_gpu_lacks_nothing() => Check("laptop", "/home/u/x.gguf", null, []);

    [Theory]
    [InlineData("/mnt/pool/x.gguf", "solid state drive")]
    [InlineData("/tmp/x.gguf", "direct reads")]
    [InlineData("/mnt/image/x.gguf", "direct reads")]
    [InlineData("/mnt/share/x.gguf", null)]
    public void A_laptops_other_paths_lack_what_their_drives_and_file_systems_do(string path, string? name) =>
        Check("laptop", path, null, name is null ? [] : [name]);

    [Fact]
    public void A_laptop_with_a_professional_card_lacks_what_a_direct_path_needs() => Check(
        "laptop", "/home/u/x.gguf", TopologyTree.H200,
        ["nvidia-fs", "P2PDMA driver", "P2PDMA drive", "unencrypted volume", "IOMMU"]);

    [Fact]
    public void A_consumer_card_is_not_told_to_get_a_direct_path()
    {
        var found = Check("cloud", "/root/x.gguf", GeForce, ["udev data", "GPU PCIe link", "BAR1", "GPU with a direct path"], onlyThese: false);
        Assert.DoesNotContain(found.MissingConditions, c => c.Name is "nvidia-fs" or "local NVMe" or "IOMMU" || c.Name.StartsWith("P2PDMA", StringComparison.Ordinal));
        Assert.Equal("NVIDIA GeForce RTX 4090 runs 8 of 16 lanes", found.MissingConditions.Single(c => c.Name == "GPU PCIe link").Found);
    }

    [Fact]
    public void A_server_with_nvidia_fs_lacks_lanes_and_nearness() => Check(
        "server", "/raid/x.gguf", TopologyTree.H100, ["drive PCIe link", "NUMA node"]);

    [Fact]
    public void The_found_value_names_the_drives_in_question()
    {
        var found = Check("server", "/raid/x.gguf", TopologyTree.H100, ["drive PCIe link", "NUMA node"]);
        Assert.Equal(
            ["nvme3n1 runs 2 of 4 lanes", "NVIDIA H100 PCIe on node 1, nvme0n1 on node 0, nvme1n1 on node 0"],
            found.MissingConditions.Select(c => c.Found));
    }

    [Fact]
    public void Ext4_out_of_order_and_half_of_udevs_entry_are_named() => Check(
        "server", "/scratch/x.gguf", TopologyTree.H100, ["udev data", "GPUDirect file system"]);

    [Fact]
    public void A_drive_over_a_network_is_no_local_one() => Check(
        "server", "/fabric/x.gguf", TopologyTree.H100, ["udev data", "local NVMe"]);

    [Fact]
    public void Without_nvidia_fs_the_server_lacks_every_condition_of_p2pdma()
    {
        using var server = TopologyTree.Unpack("server", (path, text) =>
            path switch
            {
                "/sys/module/nvidia_fs/version" => null,
                "/proc/modules" => "nvidia 8634368 7 nvidia_uvm, Live 0x0000000000000000 (OE)",
                _ => text,
            });
        var found = server.Environment("/raid/x.gguf", TopologyTree.H100);
        Assert.Null(found.NvidiaFsVersion);
        Assert.Equal(
            ["drive PCIe link", "NUMA node", "nvidia-fs", "P2PDMA kernel", "P2PDMA driver", "P2PDMA static BAR1", "P2PDMA NVMe multipath", "P2PDMA drive"],
            found.MissingConditions.Select(c => c.Name));
    }

    [Fact]
    public void A_container_lacks_io_uring_memlock_and_udev()
    {
        Check("container", "/models/x.gguf", null, ["io_uring", "memlock limit"]);
        Check(
            "container", "/models/x.gguf", TopologyTree.H200,
            ["io_uring", "memlock limit", "udev data", "nvidia-fs", "P2PDMA driver", "P2PDMA drive", "local NVMe", "GPUDirect file system"]);
    }

    [Fact]
    public void A_cloud_machine_lacks_nvme_and_what_its_driver_was_not_told() => Check(
        "cloud", "/root/x.gguf", TopologyTree.H200, ["udev data", "nvidia-fs", "P2PDMA static BAR1", "local NVMe"]);

    [Fact]
    public void The_cpu_is_no_gpu() => Check("cloud", "/root/x.gguf", new() { Name = "cpu", Kind = DeviceKind.Cpu, Memory = 1, FreeMemory = 1 }, []);

    [Fact]
    public void A_ring_that_cannot_be_set_up_is_missing_whatever_the_settings_say()
    {
        using var cloud = TopologyTree.Unpack("cloud");
        var found = cloud.Environment("/root/x.gguf", null, () => "io_uring_setup: Operation not permitted (EPERM)");
        Assert.False(found.IoUring);
        Assert.Equal("io_uring_setup: Operation not permitted (EPERM)", Assert.Single(found.MissingConditions, c => c.Name == "io_uring").Found);
        Assert.True(cloud.Environment("/root/x.gguf", null, () => null).IoUring);
    }

    [Theory]
    [InlineData("5.10.0-28-amd64", "0", "CapEff:\t0", false)]
    [InlineData("5.11.0", "0", "CapEff:\t0", true)]
    [InlineData("6.8.0", "1", "CapEff:\t0000000000000000", false)]
    [InlineData("6.8.0", "1", "CapEff:\t000001ffffffffff", true)]
    [InlineData("6.8.0", "1", "Groups:\t27 993 \nCapEff:\t0000000000000000", true)]
    [InlineData("6.8.0", "2", "CapEff:\t000001ffffffffff", false)]
    public void The_kernels_settings_decide_on_io_uring(string release, string disabled, string status, bool isAllowed)
    {
        using var tree = TopologyTree.Of($"""
            == /proc/sys/kernel/osrelease
            {release}
            == /proc/sys/kernel/io_uring_disabled
            {disabled}
            == /proc/sys/kernel/io_uring_group
            993
            == /proc/self/status
            {status}
            """);
        Assert.Equal(isAllowed, tree.Environment("/x", null).IoUring);
    }

    static PathEnvironment Check(string machine, string path, DeviceInfo? gpu, string[] names, bool onlyThese = true)
    {
        using var tree = TopologyTree.Unpack(machine);
        var found = tree.Environment(path, gpu);
        var missing = found.MissingConditions;
        Assert.All(missing, c => Assert.All([c.Name, c.Found, c.Needed, c.Remedy], text => Assert.False(string.IsNullOrWhiteSpace(text), c.Name)));
        if (onlyThese)
        {
            Assert.Equal(names, missing.Select(c => c.Name));
        }
        else
        {
            Assert.All(names, name => Assert.Contains(missing, c => c.Name == name));
        }

        return found;
    }
}
