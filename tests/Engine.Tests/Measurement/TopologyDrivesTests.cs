using NvStream.Measurement;

namespace NvStream.Tests.Measurement;

/// <summary>From a path of a recorded machine down to its drives.</summary>
public sealed class TopologyDrivesTests
{
    [Fact]
    public void Goes_through_lvm_and_luks_to_a_laptops_drive()
    {
        using var laptop = TopologyTree.Unpack("laptop");
        var found = laptop.Environment("/home/u/models/x.gguf");
        Assert.Equal(("/", "ext4", "rw,relatime,errors=remount-ro"), (found.MountPoint, found.FileSystem, found.MountOptions));
        Assert.Equal(["dm-1 (LVM vgubuntu-root)", "dm-0 (LUKS nvme0n1p3_crypt)", "nvme0n1p3"], found.Stack);
        var drive = Assert.Single(found.Drives);
        Assert.Equal(new("nvme0n1", "nvme", "Samsung SSD 990 PRO 1TB", 1953525168L * 512, false, null, new(3, 4, 4, 4)), drive);
        Assert.Equal("Linux 6.8.0-45-generic", found.Kernel);
        Assert.Equal(4159635456, found.MemlockLimit);
        Assert.Equal("translating (DMA-FQ)", found.Iommu);
        Assert.True(found.IoUring);
        Assert.True(found.HasUdevData);
    }

    [Fact]
    public void Follows_links_and_finds_mount_points_with_spaces()
    {
        using var laptop = TopologyTree.Unpack("laptop");
        var found = laptop.Environment("/home/u/link/x.gguf");
        Assert.Equal(("/mnt/My Models", "rw,noatime,errors=remount-ro"), (found.MountPoint, found.MountOptions));
        Assert.Equal("nvme0n1", Assert.Single(found.Drives).Name);
    }

    [Theory]
    [InlineData("/boot/vmlinuz", "/boot")]
    [InlineData("/boot/efi/EFI", "/boot/efi")]
    [InlineData("/bootleg", "/")]
    [InlineData("/tmp/not/there/yet", "/tmp")]
    [InlineData("/", "/")]
    public void Takes_the_mount_that_a_path_is_reached_through(string path, string mountPoint)
    {
        using var laptop = TopologyTree.Unpack("laptop");
        Assert.Equal(mountPoint, laptop.Environment(path).MountPoint);
    }

    [Theory]
    [InlineData("/mnt/share/x.gguf", "nfs4 (nas.lan:/export)")]
    [InlineData("/tank/x.gguf", "zfs (tank/models)")]
    [InlineData("/tmp/x.gguf", "tmpfs (tmpfs)")]
    public void Names_file_systems_without_drives_of_their_own(string path, string layer)
    {
        using var laptop = TopologyTree.Unpack("laptop");
        var found = laptop.Environment(path);
        Assert.Empty(found.Drives);
        Assert.Equal([layer], found.Stack);
        Assert.Null(found.HasUdevData);
    }

    [Fact]
    public void Finds_every_drive_of_a_btrfs()
    {
        using var laptop = TopologyTree.Unpack("laptop");
        var found = laptop.Environment("/mnt/pool/x.gguf");
        Assert.Equal(
            [("sdb", "sata", "WDC WD40EFAX-68J", true), ("sdc", "sata", "CT1000MX500SSD1", false)],
            found.Drives.Select(d => (d.Name, d.Transport, d.Model!, d.IsRotational)));
    }

    [Fact]
    public void Follows_a_loop_device_to_the_drive_of_its_file()
    {
        using var laptop = TopologyTree.Unpack("laptop");
        var found = laptop.Environment("/mnt/image/x.gguf");
        Assert.Equal("squashfs", found.FileSystem);
        Assert.Equal(["loop3 (/var/lib/images/models.squashfs)", "dm-1 (LVM vgubuntu-root)", "dm-0 (LUKS nvme0n1p3_crypt)", "nvme0n1p3"], found.Stack);
        Assert.Equal("nvme0n1", Assert.Single(found.Drives).Name);
    }

    [Fact]
    public void Tells_usb_from_other_scsi_drives()
    {
        using var laptop = TopologyTree.Unpack("laptop");
        var stick = Assert.Single(laptop.Environment("/mnt/stick/x.gguf").Drives);
        Assert.Equal(("sda", "usb", "Ultra Fit"), (stick.Name, stick.Transport, stick.Model));
        Assert.Null(stick.Link);
    }

    [Fact]
    public void Finds_the_four_drives_of_an_md_volume_with_links_and_nodes()
    {
        using var server = TopologyTree.Unpack("server");
        var found = server.Environment("/raid/models/x.gguf", TopologyTree.H100);
        Assert.Equal(["md0 (raid0)", "nvme0n1p1", "nvme1n1p1", "nvme2n1p1", "nvme3n1p1"], found.Stack);
        Assert.Equal(["nvme0n1", "nvme1n1", "nvme2n1", "nvme3n1"], found.Drives.Select(d => d.Name));
        Assert.Equal([0, 0, 1, 1], found.Drives.Select(d => d.NumaNode));
        Assert.Equal(
            [new PcieLink(4, 4, 4, 4), new(4, 4, 4, 4), new(4, 4, 4, 4), new(4, 2, 4, 4)], found.Drives.Select(d => d.Link!));
        Assert.All(found.Drives, d => Assert.Equal(("nvme", "SAMSUNG MZQL23T8HCLS-00A07", 7501476528L * 512), (d.Transport, d.Model, d.Size)));
        Assert.Equal(("NVIDIA H100 PCIe", 1, new PcieLink(1, 16, 5, 16)), (found.Gpu, found.GpuNumaNode, found.GpuLink));
        Assert.Equal(("2.20.5", "550.90.07 (open kernel modules)", "passthrough"), (found.NvidiaFsVersion, found.NvidiaDriver, found.Iommu));
        Assert.Null(found.MemlockLimit);
    }

    [Theory]
    [InlineData("/", "sda", "sas")]
    [InlineData("/fabric/x.gguf", "nvme5n1", "nvme-tcp")]
    public void Tells_transports(string path, string name, string transport)
    {
        using var server = TopologyTree.Unpack("server");
        var drive = Assert.Single(server.Environment(path).Drives);
        Assert.Equal((name, transport), (drive.Name, drive.Transport));
        Assert.Null(drive.Link);
    }

    [Theory]
    [InlineData("models/new.gguf")]
    [InlineData("models/base.gguf")]
    public void Looks_below_an_overlay_whose_folders_are_in_sight(string file)
    {
        using var server = TopologyTree.Unpack("server");
        var found = server.Environment("/var/lib/docker/overlay2/7f/merged/" + file);
        Assert.Equal("overlay", found.FileSystem);
        Assert.Equal(["overlay", "md0 (raid0)"], found.Stack.Take(2));
        Assert.Equal(4, found.Drives.Count);
    }

    [Fact]
    public void Finds_a_containers_drive_by_what_its_engine_mounted_from_beside_the_overlay()
    {
        using var container = TopologyTree.Unpack("container");
        var found = container.Environment("/models/x.gguf");
        Assert.Equal(("/", "overlay"), (found.MountPoint, found.FileSystem));
        Assert.Equal(["overlay (its folders are out of sight, on the device of /etc/resolv.conf)", "dm-0 (LVM data-var)"], found.Stack);
        Assert.Equal(new BlockDevice("vdb", "virtio", null, 419430400L * 512, false, null, null), Assert.Single(found.Drives));
        Assert.Equal(65536, found.MemlockLimit);
        Assert.False(found.IoUring);
        Assert.False(found.HasUdevData);
    }

    [Fact]
    public void Says_so_where_an_overlays_folders_cannot_be_found()
    {
        using var container = TopologyTree.Unpack("container", (path, text) =>
            path == "/proc/self/mountinfo" ? text.Replace(" /lib/docker/", " /elsewhere/", StringComparison.Ordinal) : text);
        var found = container.Environment("/models/x.gguf");
        Assert.Equal(["overlay (its folders are out of sight)"], found.Stack);
        Assert.Empty(found.Drives);
    }

    [Fact]
    public void A_whole_virtio_disk_has_nothing_above_it()
    {
        using var cloud = TopologyTree.Unpack("cloud");
        var found = cloud.Environment("/root/x.gguf", TopologyTree.H200);
        Assert.Empty(found.Stack);
        Assert.Equal(new BlockDevice("vda", "virtio", null, 134217728L * 512, false, null, null), Assert.Single(found.Drives));
        Assert.Equal(new PcieLink(5, 16, 5, 16), found.GpuLink);
        Assert.Null(found.GpuNumaNode);
    }

    [Fact]
    public void What_is_mounted_over_a_folder_hides_what_was_mounted_there_and_below()
    {
        using var tree = TopologyTree.Of("""
            == /proc/sys/kernel/osrelease
            6.1.0
            == /proc/self/mountinfo
            1 0 8:1 / / rw - ext4 /dev/sda1 rw
            2 1 8:2 / /data rw - xfs /dev/sda2 rw
            3 2 8:3 / /data/models rw - xfs /dev/sda3 rw
            4 2 0:40 / /data rw - tmpfs cover rw
            """);
        Assert.Equal("tmpfs", tree.Environment("/data/models/x.gguf").FileSystem);
    }
}
