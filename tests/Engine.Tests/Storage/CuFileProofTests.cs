using System.Buffers.Binary;
using NvStream.Storage.CuFile;

namespace NvStream.Tests.Storage;

/// <summary>Counters are read as nvidia-fs and cuFile write them, and only they prove a direct path.</summary>
public sealed class CuFileProofTests : IDisposable
{
    readonly string _root = Directory.CreateTempSubdirectory("nvidia-fs").FullName;

    const string Stats =
        "GDS Version: 1.15.0.42 \nNVFS statistics(ver: 4.0)\nNVFS Driver(version: 2.27.3)\nMellanox PeerDirect Supported: False\n"
        + "IO stats: Enabled, peer IO stats: Disabled\nLogging level: info\n\nActive Shadow-Buffer (MiB): 128\nActive Process: 1\n"
        + "Batches\t\t\t\t: n=3 ok=3 err=0 Avg-Submit-Latency(usec)=11\n"
        + "Reads\t\t\t\t: n=1030 ok=1029 err=1 readMiB=1029 io_state_err=7\n"
        + "Reads\t\t\t\t: Bandwidth(MiB/s)=6021 Avg-Latency(usec)=166\n"
        + "Sparse Reads\t\t        : n=6 io=0 holes=0 pages=0 \n"
        + "Writes\t\t\t\t: n=0 ok=0 err=0 writeMiB=0 io_state_err=0 pg-cache=0 pg-cache-fail=0 pg-cache-eio=0\n"
        + "Ops\t\t\t\t: Read=0 Write=0 BatchIO=0\n"
        + "GPU 0000:1b:00.0 uuid:01020304-0506-0708-090a-0b0c0d0e0f10 : Registered_MiB=64 Cache_MiB=0 max_pinned_MiB=64 \n";

    const string Silent =
        "GDS Version: 1.15.0.42 \nIO stats: Disabled, peer IO stats: Disabled\nReads\t\t\t\t: err=2 io_state_err=0\nOps\t\t\t\t: Read=0 Write=0 BatchIO=0\n";

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Statistics_are_those_of_reads()
    {
        Assert.Equal(new NvidiaFsStatistics(true, 1029, 1, 1029), NvidiaFs.Parse(Stats));
        Assert.Equal(new NvidiaFsStatistics(false, 0, 2, 0), NvidiaFs.Parse(Silent));
        Assert.Equal(new NvidiaFsStatistics(false, 0, 0, 0), NvidiaFs.Parse(""));
        Assert.Equal(0, NvidiaFs.Parse("IO stats: Enabled, x\nReads : ok=99999999999999999999").Reads);
    }

    [Fact]
    public void The_module_is_found_by_what_it_shows()
    {
        var module = new NvidiaFs(_root);
        Assert.Equal((false, false, null, null), (module.IsLoaded, module.HasDevices, module.Version, module.Statistics()));
        Write("proc/driver/nvidia-fs/version", "version: 2.27\n");
        Write("proc/driver/nvidia-fs/stats", Stats);
        Write("dev/nvidia-fs0", "");
        Assert.Equal((true, true, "2.27"), (module.IsLoaded, module.HasDevices, module.Version));
        Assert.Equal(1029, module.Statistics()?.Reads);
    }

    [Fact]
    public void CuFiles_own_record_is_read_where_the_header_has_its_fields()
    {
        var record = new byte[CuFileStatistics.Bytes];
        Assert.Equal(5000, record.Length);
        Set(272, 1);
        Set(320, 10);
        Set(336, 100);
        Set(1024, 2);
        Set(1032 + 56, 1000);
        Set(1032 + 248 + 64, 10_000);
        Set(1032 + 248 + 72, 100_000);
        Set(1032 + (2 * 248) + 72, 5);
        Assert.Equal(new CuFileStatistics(PeerToPeer: 1100, NvidiaFs: 10_010, Posix: 100_001), CuFileStatistics.Parse(record));
        Set(1024, 1_000_000);
        Assert.Equal(100_006, CuFileStatistics.Parse(record).Posix);

        void Set(int offset, long value) => BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(offset), value);
    }

    [Theory]
    [InlineData(0, 8, 0, true, "8 reads of the probe went by nvidia-fs")]
    [InlineData(8, 0, 0, true, "8 reads of the probe went by peer-to-peer DMA")]
    [InlineData(0, 0, 8, false, "8 reads by host memory and none past it")]
    [InlineData(0, 4, 4, false, "4 reads straight into GPU memory and 4 by host memory")]
    public void CuFiles_own_count_decides(int peer, int module, int posix, bool isDirect, string words)
    {
        var verdict = Judge(new(new(5, 5, 5), null), new(new(5 + peer, 5 + module, 5 + posix), null));
        Assert.Equal(isDirect, verdict.IsDirect);
        Assert.Contains(words, verdict.Reason, StringComparison.Ordinal);
        Assert.Equal(isDirect, verdict.Remedy is null);
    }

    [Theory]
    [InlineData(8, 8, true)]
    [InlineData(0, 0, false)]
    [InlineData(3, 3, false)]
    public void Else_the_modules_count_does(long reads, long mebibytes, bool isDirect)
    {
        var still = new CuFileStatistics(0, 0, 0);
        var verdict = Judge(new(still, new(true, 100, 0, 100)), new(still, new(true, 100 + reads, 0, 100 + mebibytes)));
        Assert.Equal(isDirect, verdict.IsDirect);
    }

    [Fact]
    public void A_module_that_does_not_count_proves_nothing_and_says_how_it_would()
    {
        var verdict = Judge(new(null, NvidiaFs.Parse(Silent)), new(null, NvidiaFs.Parse(Silent)));
        Assert.False(verdict.IsDirect);
        Assert.Contains("rw_stats_enabled", verdict.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_counters_nothing_is_direct()
    {
        Assert.Contains("nvidia-fs is not loaded", DirectPathProof.Judge(new(null, null), new(null, null), 8, 8 << 20, false, false).Reason, StringComparison.Ordinal);
        Assert.Contains("/dev/nvidia-fs", DirectPathProof.Judge(new(null, null), new(null, null), 8, 8 << 20, true, false).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_probe_is_judged_by_what_the_files_say_before_and_after()
    {
        Write("proc/driver/nvidia-fs/stats", Stats);
        using var proof = DirectPathProof.Begin(_root);
        Write("proc/driver/nvidia-fs/stats", Stats.Replace("ok=1029", "ok=1037").Replace("readMiB=1029", "readMiB=1037"));
        Assert.True(proof.Judge(8, 8 << 20).IsDirect);
        Assert.False(proof.Judge(9, 9 << 20).IsDirect);
    }

    [Fact]
    public void Udevs_notes_are_found_by_the_files_mount()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "udev is Linux's");
        var path = Path.Combine(_root, "model.gguf");
        File.WriteAllText(path, "x");
        using var file = File.OpenHandle(path);
        var descriptor = file.DangerousGetHandle().ToString(System.Globalization.CultureInfo.InvariantCulture);
        Assert.Null(UdevData.FileOf(file, _root));
        Write("proc/self/fdinfo/" + descriptor, "pos:\t0\nflags:\t0100000\nmnt_id:\t36\nino:\t5\n");
        Write("proc/self/mountinfo", "35 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n36 35 259:1 / /mnt rw,noatime shared:1 - ext4 /dev/nvme0n1p1 rw\n");
        var notes = UdevData.FileOf(file, _root);
        Assert.Equal(Path.Combine(_root, "run/udev/data/b259:1"), notes);
        Assert.False(UdevData.NamesFileSystem(notes!));
        Write("run/udev/data/b259:1", "S:disk/by-id/x\nE:ID_FS_USAGE=filesystem\n");
        Assert.False(UdevData.NamesFileSystem(notes!));
        Write("run/udev/data/b259:1", "S:disk/by-id/x\nE:ID_FS_USAGE=filesystem\nE:ID_FS_TYPE=ext4\n");
        Assert.True(UdevData.NamesFileSystem(notes!));
    }

    [Fact]
    public void The_remedy_names_the_file_that_udev_should_have_written()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "udev is Linux's");
        var path = Path.Combine(_root, "model.gguf");
        File.WriteAllText(path, "x");
        using var file = File.OpenHandle(path);
        Assert.Contains("/run/udev/data/b", UdevData.Remedy(file), StringComparison.Ordinal);
    }

    static DirectPathVerdict Judge(DirectPathCounts before, DirectPathCounts after) => DirectPathProof.Judge(before, after, 8, 8 << 20, true, true);

    void Write(string path, string text)
    {
        var full = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }
}
