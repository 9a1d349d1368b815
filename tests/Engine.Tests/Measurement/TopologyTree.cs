using NvStream.Compute;
using NvStream.Measurement;
using NvStream.Measurement.Topology;
using NvStream.Tests.Gguf;

namespace NvStream.Tests.Measurement;

/// <summary>
/// A recorded machine: its /proc, /sys and /run, unpacked from a text of data/trees in which "== PATH" begins a file,
/// "== PATH/" is an empty folder and "== PATH -> TARGET" a link.
/// </summary>
sealed class TopologyTree : IDisposable
{
    readonly TemporaryFolder folder = new();

    TopologyTree(string text, Func<string, string, string?>? change)
    {
        foreach (var entry in ("\n" + text).Split("\n== ", StringSplitOptions.RemoveEmptyEntries).Skip(1))
        {
            var end = entry.IndexOf('\n', StringComparison.Ordinal);
            var (head, content) = end < 0 ? (entry, "") : (entry[..end], entry[(end + 1)..] + "\n");
            var arrow = head.IndexOf(" -> ", StringComparison.Ordinal);
            var path = folder.FullName + (arrow < 0 ? head : head[..arrow]);
            if (arrow < 0 && change is not null)
            {
                if (change(head, content) is not { } changed)
                {
                    continue;
                }

                content = changed;
            }

            Directory.CreateDirectory(path.EndsWith('/') ? path : Path.GetDirectoryName(path)!);
            if (arrow >= 0)
            {
                File.CreateSymbolicLink(path, head[(arrow + 4)..]);
            }
            else if (!path.EndsWith('/'))
            {
                File.WriteAllText(path, content);
            }
        }

        Tree = SystemTree.At(folder.FullName);
    }

    public SystemTree Tree { get; private set; }

    public static IReadOnlyList<string> Names { get; } = ["laptop", "server", "container", "cloud"];

    /// <summary>A card for the recorded machines that have one; NVML's share of it is left out, as in a container without it.</summary>
    public static DeviceInfo H100 { get; } = new()
    {
        Name = "NVIDIA H100 PCIe",
        Kind = DeviceKind.Cuda,
        Memory = 80L << 30,
        FreeMemory = 79L << 30,
        PciAddress = "0000:a5:00.0",
        Bar1Memory = 128L << 30,
    };

    public static DeviceInfo H200 { get; } = H100 with { Name = "NVIDIA H200", PciAddress = "0000:00:06.0", Bar1Memory = 256L << 30 };

    public static string Text(string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the recorded names have colons, which Windows' file names cannot");
        return File.ReadAllText(Path.Combine(Fixtures.Repository, "tests", "Engine.Tests", "data", "trees", name + ".txt"));
    }

    public static TopologyTree Unpack(string name) => new(Text(name), null);

    /// <param name="change">Gets a file's path and content and gives another content, or null for no file.</param>
    public static TopologyTree Unpack(string name, Func<string, string, string?> change) => new(Text(name), change);

    public static TopologyTree Of(string text) => new("# a tree of its own\n" + text, null);

    /// <summary>Changes a file that is there.</summary>
    public void Rewrite(string path, string text)
    {
        File.WriteAllText(folder.FullName + path, text);
        Tree = SystemTree.At(folder.FullName);
    }

    public PathEnvironment Environment(string path, DeviceInfo? gpu = null, Func<string?>? ioUring = null) =>
        PathEnvironment.Of(path, gpu, Tree, ioUring);

    public void Dispose() => folder.Dispose();
}
