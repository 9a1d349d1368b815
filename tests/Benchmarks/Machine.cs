using System.Reflection;
using NvStream.Compute;

namespace NvStream.Benchmarks;

/// <summary>What was measured on: enough to tell whether two reports can be compared.</summary>
sealed record Machine(IReadOnlyList<(string Name, string Value)> Rows)
{
    /// <param name="folder">Where the models lie: its disk is the one that is read.</param>
    public static Machine Read(string repository, string folder)
    {
        var cpu = ComputeDevices.List().Single(d => d.Kind == DeviceKind.Cpu);
        return new(
        [
            ("date", DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm 'UTC'")),
            ("commit", Commit(repository)),
            ("cpu", $"{cpu.Name}, {cpu.Cores} cores, {cpu.InstructionSets}"),
            ("memory", $"{cpu.Memory / 1e9:F1} GB, {cpu.FreeMemory / 1e9:F1} GB free"),
            ("disk", Disk(folder)),
            ("system", $"{System.Runtime.InteropServices.RuntimeInformation.OSDescription}, .NET {Environment.Version}"),
            ("load", Load()),
        ]);
    }

    /// <summary>
    /// Waits until this process reads nothing any more: a belt reads ahead after a pass, and the next program's
    /// figures must not suffer for it.
    /// </summary>
    public static async Task ReadsSettle()
    {
        const string counters = "/proc/self/io";
        if (!File.Exists(counters))
        {
            return;
        }

        for (string? last = null, now; (now = ReadBytes()) != last; last = now)
        {
            await Task.Delay(200);
        }

        static string ReadBytes() => File.ReadLines(counters).First(l => l.StartsWith("read_bytes", StringComparison.Ordinal));
    }

    static string Commit(string repository)
    {
        var hash = Tool.Output("git", "-C", repository, "rev-parse", "--short=12", "HEAD");
        var changes = Tool.Output("git", "-C", repository, "status", "--porcelain");
        return hash is null ? Built() : changes is "" ? hash : hash + " with changes";
    }

    /// <summary>A published program knows the commit that it was built from.</summary>
    static string Built() =>
        typeof(Machine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion is { } version ? $"built as {version}" : "unknown";

    static string Disk(string folder) =>
        Tool.Output("findmnt", "-n", "-o", "SOURCE,FSTYPE,OPTIONS", "--target", folder) is { } mount
            ? string.Join(' ', mount.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            : new DriveInfo(folder).DriveFormat;

    /// <summary>A busy machine's figures are worth little; the report says so itself.</summary>
    static string Load() => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] + " (1 minute average at the start)" : "unknown";
}
