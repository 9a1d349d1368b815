using NvStream.Compute;
using NvStream.Measurement;
using NvStream.Measurement.Topology;

namespace NvStream.Tests.Measurement;

/// <summary>What a machine makes of its devices, and this machine for one.</summary>
public sealed class TopologyDevicesTests
{
    [Fact]
    public void Nvidia_fs_opens_the_direct_path()
    {
        using var server = TopologyTree.Unpack("server");
        var device = MachineDevices.Describe(TopologyTree.H100, server.Tree, () => "1.15");
        Assert.True(device.GpuDirect);
        Assert.Equal("nvidia-fs 2.20.5 is loaded.", device.GpuDirectReason);
        Assert.Equal("1.15", device.CuFileVersion);
        Assert.Equal((1, 1, 16, 5, 16), (device.NumaNode, device.PcieGeneration, device.PcieWidth, device.MaxPcieGeneration, device.MaxPcieWidth));
        Assert.Empty(device.MissingConditions);
    }

    [Fact]
    public void Without_cufile_there_is_no_direct_path()
    {
        using var server = TopologyTree.Unpack("server");
        var device = MachineDevices.Describe(TopologyTree.H100, server.Tree, () => null);
        Assert.False(device.GpuDirect);
        Assert.Equal(["cuFile"], device.MissingConditions.Select(c => c.Name));
        Assert.StartsWith("Missing: cuFile.", device.GpuDirectReason, StringComparison.Ordinal);
    }

    [Fact]
    public void All_of_p2pdma_opens_the_direct_path()
    {
        using var server = TopologyTree.Unpack("server", (path, text) => path switch
        {
            "/proc/modules" or "/sys/module/nvidia_fs/version" => null,
            "/proc/sys/kernel/osrelease" => "6.8.0-45-generic",
            "/sys/module/nvme_core/parameters/multipath" => "N",
            "/proc/driver/nvidia/version" => text.Replace("550.90.07", "580.65.06", StringComparison.Ordinal),
            "/proc/driver/nvidia/params" => "RegistryDwords: \"RMForceStaticBar1=1;RmForceDisableIomapWC=1;\"\n",
            _ => text,
        });
        var device = MachineDevices.Describe(TopologyTree.H100, server.Tree, () => "1.15");
        Assert.True(device.GpuDirect);
        Assert.Equal("P2PDMA: Linux 6.8.0-45-generic, NVIDIA driver 580.65.06 (open kernel modules), NVMe on PCIe.", device.GpuDirectReason);

        // P2PDMA takes bare drives only, so a path over md still lacks nvidia-fs.
        Assert.Equal(
            ["drive PCIe link", "NUMA node", "nvidia-fs", "P2PDMA drive"],
            server.Environment("/raid/x", TopologyTree.H100).MissingConditions.Select(c => c.Name));
        Assert.DoesNotContain(server.Environment("/scratch/x", TopologyTree.H100).MissingConditions, c => c.Name == "nvidia-fs");
    }

    [Fact]
    public void A_proprietary_driver_does_not()
    {
        using var cloud = TopologyTree.Unpack("cloud", (path, text) => path == "/proc/driver/nvidia/version"
            ? "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Feb 22 01:44:30 UTC 2025\n" : text);
        var device = MachineDevices.Describe(TopologyTree.H200, cloud.Tree, null);
        Assert.False(device.GpuDirect);
        Assert.Equal(["nvidia-fs", "P2PDMA driver", "P2PDMA static BAR1", "local NVMe"], device.MissingConditions.Select(c => c.Name));
        Assert.Equal("NVIDIA driver 570.86.15 (proprietary kernel modules)", device.MissingConditions[1].Found);
    }

    [Fact]
    public void What_nvml_knew_is_kept()
    {
        using var cloud = TopologyTree.Unpack("cloud");
        var device = MachineDevices.Describe(
            TopologyTree.H200 with { PcieGeneration = 1, PcieWidth = 8, MaxPcieGeneration = 5, MaxPcieWidth = 16, Bar1Memory = 256L << 20 }, cloud.Tree, null);
        Assert.Equal((1, 8, 5, 16), (device.PcieGeneration, device.PcieWidth, device.MaxPcieGeneration, device.MaxPcieWidth));
        Assert.Equal(["GPU PCIe link", "BAR1"], device.MissingConditions.Select(c => c.Name).TakeLast(2));
    }

    [Fact]
    public void This_machines_devices_end_with_the_cpu_and_say_why_a_direct_path_is_or_is_not()
    {
        var devices = MachineDevices.List();
        Assert.Equal(DeviceKind.Cpu, devices[^1].Kind);
        Assert.Empty(devices[^1].MissingConditions);
        Assert.All(devices.SkipLast(1), d =>
        {
            Assert.NotEmpty(d.GpuDirectReason!);
            Assert.Matches("^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.0$", d.PciAddress!);
            Assert.Equal(d.GpuDirect, !d.MissingConditions.Any(c => c.Name is "nvidia-fs" or "cuFile" or "GPU with a direct path"));
            Assert.True(d.PcieWidth <= d.MaxPcieWidth && d.PcieGeneration <= d.MaxPcieGeneration);
            Assert.True(d.Bar1Memory > 0);
        });
    }

    [Fact]
    public void This_machine_knows_where_its_files_are()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "there is no /proc");
        var found = PathEnvironment.Of(Fixtures.Repository);
        Assert.StartsWith("Linux " + Environment.OSVersion.Version.ToString(2), found.Kernel, StringComparison.Ordinal);
        Assert.NotEmpty(found.FileSystem!);
        Assert.Equal(found.IoUring, LiveProbes.IoUring() is null);
        Assert.True(Directory.Exists(found.MountPoint));
        Assert.StartsWith(found.MountPoint!, SystemTree.Live().Resolve(Fixtures.Repository), StringComparison.Ordinal);
        Assert.All(found.Drives, d => Assert.True(d.Size > 0 && Directory.Exists("/sys/block/" + d.Name), d.Name));
        Assert.Equal(found.MountPoint, PathEnvironment.Of(Path.Combine(Fixtures.Repository, "not", "there", "yet.gguf")).MountPoint);
    }
}
