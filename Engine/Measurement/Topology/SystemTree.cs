using System.Buffers;
using System.Globalization;
using System.Security;
using System.Text;

namespace NvStream.Measurement.Topology;

/// <summary>
/// Linux's /proc, /sys and /run as text: small files, links and folders. What is missing, forbidden or no text is null
/// or empty, never an exception. Links never lead out of the tree, so that a recorded one is as good as the live one.
/// For one look around, on one thread: links are remembered.
/// </summary>
internal sealed class SystemTree
{
    /// <summary>As many as the kernel follows (path_resolution(7)).</summary>
    const int MaxLinks = 40;

    /// <summary>A host of many containers has a mount table of some hundred KiB.</summary>
    const int MaxBytes = 8 << 20;

    readonly string? root;
    readonly Dictionary<string, string?> links = [];

    SystemTree(string? root) => this.root = root;

    /// <summary>This machine's as it is now; without anything in it where it is no Linux.</summary>
    public static SystemTree Live() => new(OperatingSystem.IsLinux() ? "" : null);

    /// <summary>A copy of a machine's files below a folder.</summary>
    public static SystemTree At(string folder) => new(Path.TrimEndingDirectorySeparator(folder));

    /// <summary>Whether there is a file or folder, links followed.</summary>
    public bool Exists(string path) => Ask(path, host => Path.Exists(host));

    /// <summary>A file's content, of at most 8 MiB; null where it cannot be read.</summary>
    public string? Text(string path) => Ask(path, Read);

    /// <summary>A file's first line without the spaces around it; null where it cannot be read or is empty.</summary>
    public string? Line(string path)
    {
        if (Text(path) is not { } text)
        {
            return null;
        }

        var end = text.AsSpan().IndexOfAny('\n', '\0');
        var line = text.AsSpan(0, end < 0 ? text.Length : end).Trim();
        return line.IsEmpty ? null : line.ToString();
    }

    /// <summary>A file's number; null where there is none.</summary>
    public long? Number(string path) =>
        long.TryParse(Line(path), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>Names in a folder, sorted; empty where there is none.</summary>
    public IReadOnlyList<string> Names(string folder) =>
        Ask(folder, host => Directory.Exists(host) ? Directory.EnumerateFileSystemEntries(host).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal).ToArray() : null) ?? [];

    /// <summary>
    /// The path with every link in it followed, "." and ".." taken out. Folders and files that do not exist are kept as
    /// they are named, and so is what lies behind too many links.
    /// </summary>
    public string Resolve(string path)
    {
        var pending = new Stack<string>();
        Push(path);
        var resolved = "";
        var followed = 0;
        while (pending.TryPop(out var part))
        {
            if (part == "..")
            {
                resolved = resolved[..Math.Max(0, resolved.LastIndexOf('/'))];
                continue;
            }

            var next = resolved + "/" + part;
            if (followed < MaxLinks && LinkTarget(next) is { } target)
            {
                followed++;
                resolved = target.StartsWith('/') ? "" : resolved;
                Push(target);
            }
            else
            {
                resolved = next;
            }
        }

        return resolved.Length == 0 ? "/" : resolved;

        void Push(string text)
        {
            var parts = text.Split('/', StringSplitOptions.RemoveEmptyEntries);
            for (var i = parts.Length - 1; i >= 0; i--)
            {
                if (parts[i] != ".")
                {
                    pending.Push(parts[i]);
                }
            }
        }
    }

    string? LinkTarget(string path)
    {
        if (!links.TryGetValue(path, out var target))
        {
            target = Try(() => new FileInfo(root + path).LinkTarget);
            links.Add(path, target);
        }

        return target;
    }

    T? Ask<T>(string path, Func<string, T?> ask) => root is null ? default : Try(() => ask(root + Resolve(path)));

    static T? Try<T>(Func<T?> ask)
    {
        try
        {
            return ask();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException or SecurityException)
        {
            return default;
        }
    }

    static string? Read(string host)
    {
        if (!File.Exists(host))
        {
            return null;
        }

        // These files say that they have no length, or a page: only reading tells.
        using var file = new FileStream(host, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        var bytes = new ArrayBufferWriter<byte>(4096);
        while (bytes.WrittenCount < MaxBytes && file.Read(bytes.GetSpan(4096)) is var count and > 0)
        {
            bytes.Advance(count);
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }
}
