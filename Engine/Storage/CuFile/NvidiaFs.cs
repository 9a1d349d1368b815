using System.Globalization;
using System.Text.RegularExpressions;

namespace NvStream.Storage.CuFile;

/// <summary>What the nvidia-fs module counts (nvfs-stat.c of NVIDIA/gds-nvidia-fs). For all processes together.</summary>
/// <param name="CountsReads">Whether it counts reads at all: it does only with rw_stats_enabled.</param>
/// <param name="Reads">Reads that it completed.</param>
/// <param name="ReadErrors">Reads that failed; counted in any case.</param>
/// <param name="ReadMiB">MiB of the reads.</param>
sealed record NvidiaFsStatistics(bool CountsReads, long Reads, long ReadErrors, long ReadMiB);

/// <summary>The kernel module that leads reads from NVMe devices into a card's memory.</summary>
/// <param name="root">In place of "/", for recorded trees.</param>
sealed partial class NvidiaFs(string root = "/")
{
    const string Folder = "proc/driver/nvidia-fs";

    /// <summary>The switch that makes it count reads.</summary>
    public const string CountingSwitch = "/sys/module/nvidia_fs/parameters/rw_stats_enabled";

    public bool IsLoaded => Directory.Exists(Path.Combine(root, Folder));

    /// <summary>Whether its device files are there: a container has them only when it was given them.</summary>
    public bool HasDevices
    {
        get
        {
            try
            {
                return Directory.EnumerateFileSystemEntries(Path.Combine(root, "dev"), "nvidia-fs*").Any();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    /// <summary>"2.24"; null where it is not loaded or does not tell.</summary>
    public string? Version =>
        Text("version") is { } text && VersionLine().Match(text) is { Success: true } match ? match.Groups[1].Value : null;

    /// <summary>Null where it is not loaded.</summary>
    public NvidiaFsStatistics? Statistics() => Text("stats") is { } text ? Parse(text) : null;

    /// <summary>
    /// The lines are "IO stats: Enabled, peer IO stats: Disabled" and
    /// "Reads : n=8 ok=8 err=0 readMiB=8 io_state_err=0", or "Reads : err=0 io_state_err=0" where they are disabled.
    /// </summary>
    public static NvidiaFsStatistics Parse(string text)
    {
        long reads = 0, errors = 0, mebibytes = 0;
        var counts = false;
        foreach (var line in text.Split('\n'))
        {
            var name = line.Split(':')[0].Trim();
            if (name == "IO stats")
            {
                counts = line.Contains("IO stats: Enabled,", StringComparison.Ordinal);
            }
            else if (name == "Reads")
            {
                foreach (Match field in Field().Matches(line))
                {
                    var value = long.TryParse(field.Groups[2].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
                    switch (field.Groups[1].ValueSpan)
                    {
                        case "ok":
                            reads = value;
                            break;
                        case "err":
                            errors = value;
                            break;
                        case "readMiB":
                            mebibytes = value;
                            break;
                    }
                }
            }
        }

        return new(counts, reads, errors, mebibytes);
    }

    string? Text(string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(root, Folder, file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"^version:\s*(\S+)", RegexOptions.Multiline)]
    private static partial Regex VersionLine();

    [GeneratedRegex(@"(?<=\s)(\w+)=(\d+)")]
    private static partial Regex Field();
}
