using System.Globalization;
using System.Text;

namespace NvStream.Measurement.Topology;

/// <summary>A line of /proc/self/mountinfo (proc_pid_mountinfo(5)).</summary>
/// <param name="Device">"259:2"; the major number is 0 where the file system has no block device of its own.</param>
/// <param name="Root">The folder of the file system that is mounted: "/", or another for bind mounts and subvolumes.</param>
/// <param name="Point">Where.</param>
/// <param name="Options">Of this mount: "rw,noatime".</param>
/// <param name="Source">"/dev/nvme0n1p2", "server:/export", "tank/models".</param>
/// <param name="SuperOptions">Of the file system: "rw,data=ordered", as written: escapes in them are undone by <see cref="SuperOption"/>.</param>
internal sealed record Mount(
    int Id, int Parent, string Device, string Root, string Point, string Options, string FileSystem, string Source, string SuperOptions)
{
    /// <summary>Whether the file system's number is that of a block device.</summary>
    public bool HasDevice => !Device.StartsWith("0:", StringComparison.Ordinal);

    /// <summary>Both kinds of options, each once; "ro" of either wins.</summary>
    public string AllOptions
    {
        get
        {
            var all = Options.Split(',').Concat(SuperOptions.Split(',')).Where(o => o.Length > 0).Distinct().Select(Unescape).ToList();
            if (all.Contains("ro"))
            {
                all.RemoveAll(o => o == "rw");
            }

            return string.Join(',', all);
        }
    }

    /// <summary>Null where the line is none.</summary>
    public static Mount? Parse(string line)
    {
        // 36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw,errors=continue
        var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var dash = Array.IndexOf(fields, "-", Math.Min(6, fields.Length));
        return dash >= 6 && fields.Length >= dash + 3 && Int(fields[0], out var id) && Int(fields[1], out var parent)
            && IsDeviceNumber(fields[2]) && fields[3].Length > 0 && fields[4].StartsWith('/')
            ? new(
                id, parent, fields[2], Unescape(fields[3]), Unescape(fields[4]), fields[5], Unescape(fields[dash + 1]), Unescape(fields[dash + 2]),
                fields.Length > dash + 3 ? fields[dash + 3] : "")
            : null;
    }

    /// <summary>The value of "name=value"; null where the file system has no such option.</summary>
    public string? SuperOption(string name) => SuperOptions.Split(',')
        .Where(o => o.Length > name.Length && o[name.Length] == '=' && o.StartsWith(name, StringComparison.Ordinal))
        .Select(o => Unescape(o[(name.Length + 1)..])).FirstOrDefault();

    /// <summary>Whether a path lies at or below the mount point.</summary>
    public bool Holds(string path) => Point == "/" || (path.StartsWith(Point, StringComparison.Ordinal)
        && (path.Length == Point.Length || path[Point.Length] == '/'));

    /// <summary>Where in the file system a path below the mount point is, from the file system's own root.</summary>
    public string Inside(string path)
    {
        var below = Point == "/" ? path : path[Point.Length..];
        return Root == "/" ? (below.Length == 0 ? "/" : below) : Root + (below == "/" ? "" : below);
    }

    /// <summary>"259:2".</summary>
    public static bool IsDeviceNumber(string? text) =>
        text?.Split(':') is [var major, var minor] && Int(major, out _) && Int(minor, out _);

    static bool Int(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    /// <summary>Spaces, tabs, line feeds, backslashes and "#" are written as three octal digits behind a backslash.</summary>
    static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        var plain = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 3 < text.Length && text[i + 1] is >= '0' and <= '1' && IsOctal(text[i + 2]) && IsOctal(text[i + 3]))
            {
                plain.Append((char)(((text[i + 1] - '0') << 6) | ((text[i + 2] - '0') << 3) | (text[i + 3] - '0')));
                i += 3;
            }
            else
            {
                plain.Append(text[i]);
            }
        }

        return plain.ToString();

        static bool IsOctal(char c) => c is >= '0' and <= '7';
    }
}
