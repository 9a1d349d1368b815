using NvStream.Measurement;
using NvStream.Measurement.Topology;

namespace NvStream.Tests.Measurement;

/// <summary>Whatever lies in /proc and /sys: a path's environment is found or not, but nothing throws and nothing hangs.</summary>
public sealed class TopologyHostileTests
{
    const string Mounts = "/proc/self/mountinfo";

    static readonly string[] Paths = ["/", "/raid/x", "/mnt/pool/x", "/mnt/image/x", "/models/x.gguf", "/home/u/link/x"];

    static readonly string[] Garbage =
    [
        "", "\n", "\0\0\0\0", "-1", "99999999999999999999999999", "9223372036854775807", "٣", "NaN GT/s", " - - - ", "a:b", ":", "../../..", "0x",
        "36 35 98:0 / /", "1 1 0:0 / / - - - -", "1 0 1:1 / / rw - overlay overlay lowerdir=,upperdir=", "1 0 9:0 / / rw - ext4 /dev/../.. rw\n2 1 9:0 / / rw - overlay o rw,upperdir=/",
        "\\134\\040\\1", "Max locked memory", "CapEff:\tzz", "NVRM version: 99999999.1.1 Open Kernel Module 9999.9",
    ];

    public static TheoryData<string> Machines => [.. TopologyTree.Names];

    [Theory]
    [MemberData(nameof(Machines))]
    public void Files_cut_short_anywhere_are_survived(string machine)
    {
        foreach (var part in new[] { 0.0, 0.2, 0.5, 0.9 })
        {
            using var tree = TopologyTree.Unpack(machine, (_, text) => text[..(int)(text.Length * part)]);
            Survey(tree);
        }
    }

    [Theory]
    [MemberData(nameof(Machines))]
    public void Garbage_in_every_file_is_survived(string machine)
    {
        // Each round gives the files, in their order, the next piece each; the mount table stays: then the rest is reached.
        for (var round = 0; round < 4; round++)
        {
            var next = 5 * round;
            using var tree = TopologyTree.Unpack(machine, (path, text) =>
                path == Mounts ? text : Garbage[next++ % Garbage.Length]);
            Survey(tree);
        }
    }

    [Theory]
    [MemberData(nameof(Machines))]
    public void Garbage_among_the_mounts_is_survived(string machine)
    {
        using var tree = TopologyTree.Unpack(machine);
        var text = tree.Tree.Text(Mounts);
        foreach (var garbage in Garbage)
        {
            tree.Rewrite(Mounts, garbage + "\n" + text + garbage);
            Survey(tree);
        }
    }

    [Fact]
    public void Random_bytes_in_the_mount_table_are_survived()
    {
        var random = new Random(4);
        using var tree = TopologyTree.Unpack("server");
        var text = tree.Tree.Text(Mounts)!;
        for (var round = 0; round < 40; round++)
        {
            var chars = text.ToCharArray();
            for (var i = 0; i < 40; i++)
            {
                chars[random.Next(chars.Length)] = (char)random.Next(1, 128);
            }

            tree.Rewrite(Mounts, new(chars));
            Survey(tree);
        }
    }

    [Fact]
    public void Devices_that_lie_on_one_another_in_a_circle_end()
    {
        using var tree = TopologyTree.Of("""
            == /proc/sys/kernel/osrelease
            6.8.0
            == /proc/self/mountinfo
            1 0 9:0 / / rw - ext4 /dev/md0 rw
            == /sys/dev/block/9:0 -> ../../devices/virtual/block/md0
            == /sys/devices/virtual/block/md0/slaves/dm-0 -> ../../dm-0
            == /sys/devices/virtual/block/md0/slaves/md0 -> ../../md0
            == /sys/devices/virtual/block/dm-0/slaves/md0 -> ../../md0
            == /sys/devices/virtual/block/dm-0/slaves/nowhere -> ../../nowhere
            """);
        var found = tree.Environment("/x", TopologyTree.H100);
        Assert.Equal(["md0", "dm-0"], found.Stack);
        Assert.Equal("unknown", Assert.Single(found.Drives).Transport);
    }

    [Fact]
    public void A_loop_device_in_its_own_file_ends()
    {
        using var tree = TopologyTree.Of("""
            == /proc/sys/kernel/osrelease
            6.8.0
            == /proc/self/mountinfo
            1 0 7:0 / / rw - ext4 /dev/loop0 rw
            == /sys/dev/block/7:0 -> ../../devices/virtual/block/loop0
            == /sys/devices/virtual/block/loop0/loop/backing_file
            /image
            """);
        var found = tree.Environment("/x");
        Assert.Equal("loop", Assert.Single(found.Drives).Transport);
    }

    [Fact]
    public void An_overlay_on_itself_ends()
    {
        using var tree = TopologyTree.Of("""
            == /proc/sys/kernel/osrelease
            6.8.0
            == /proc/self/mountinfo
            1 0 0:9 / / rw - overlay one rw,upperdir=/b/up
            2 1 0:10 / /b rw - overlay two rw,upperdir=/up
            == /b/up/
            == /up/
            """);
        Assert.Empty(tree.Environment("/x").Drives);
    }

    [Fact]
    public void Links_in_a_circle_and_links_out_of_the_tree_stay_in_it()
    {
        using var tree = TopologyTree.Of("""
            == /proc/sys/kernel/osrelease
            6.8.0
            == /a -> b
            == /b -> a
            == /more -> more/more
            == /out -> ../../../../../../../etc/passwd
            == /absolute -> /etc/passwd
            """);
        Assert.Null(tree.Tree.Text("/a"));
        Assert.Null(tree.Tree.Text("/more"));
        Assert.Null(tree.Tree.Text("/out"));
        Assert.Null(tree.Tree.Text("/absolute"));
        Assert.Equal("/etc/passwd", tree.Tree.Resolve("/out"));
        Assert.Equal("/", tree.Tree.Resolve("/../.."));
    }

    [Fact]
    public void An_empty_tree_has_nothing_and_says_nothing()
    {
        using var tree = TopologyTree.Of("== /nothing/");
        var found = tree.Environment("/x", TopologyTree.H100);
        Assert.Empty(found.Drives);
        Assert.False(found.IoUring);
        Assert.Empty(SystemTree.At("/does/not/exist").Names("/sys"));
    }

    static void Survey(TopologyTree tree)
    {
        foreach (var path in Paths)
        {
            var found = tree.Environment(path, TopologyTree.H100);
            Assert.All(found.MissingConditions, c => Assert.All([c.Name, c.Found, c.Needed, c.Remedy], text => Assert.False(string.IsNullOrEmpty(text))));
            Assert.All(found.Drives, d => Assert.True(d.Size >= 0));
            Assert.True(found.Stack.Count < 100 && found.Drives.Count < 100);
        }

        Assert.NotNull(MachineDevices.Describe(TopologyTree.H100, tree.Tree, () => null).GpuDirectReason);
    }
}
