using System.Globalization;

namespace NvStream.Benchmarks;

/// <summary>How long `Import-Module` takes in a fresh shell.</summary>
static class Import
{
    const double TargetMilliseconds = 300;

    public static Task<Section> Measure(Bench bench)
    {
        var section = new Section("import", "Import-Module ./NvStream.psd1 in a fresh pwsh");
        if (!Tool.Exists("pwsh"))
        {
            section.Skipped.Add("pwsh is not on PATH");
            return Task.FromResult(section);
        }

        var manifest = Path.Combine(Bench.Repository, "NvStream.psd1");
        var staged = Path.Combine(Bench.Repository, "Module", "lib", "NvStream.dll");
        if (!File.Exists(manifest) || !File.Exists(staged))
        {
            section.Skipped.Add($"the module is not staged: build Module first ({staged} is missing)");
            return Task.FromResult(section);
        }

        // The shell's own start is not ours; its first run pulls everything into the page cache.
        section.Notes.Add(Tool.Output("pwsh", "-NoProfile", "-NonInteractive", "-Command", "\"PowerShell $($PSVersionTable.PSVersion)\"") ?? "pwsh of unknown version");
        Once(manifest);
        var times = section.Add("Import-Module", "ms", Enumerable.Range(0, bench.Repeats).Select(_ => Once(manifest)));
        section.Checks.Add(Check.AtMost("Import-Module, ms", times.Median, TargetMilliseconds));
        return Task.FromResult(section);
    }

    static double Once(string manifest)
    {
        var script =
            "$ErrorActionPreference = 'Stop'; $watch = [Diagnostics.Stopwatch]::StartNew(); "
            + $"Import-Module '{manifest.Replace("'", "''")}'; "
            + "$watch.Elapsed.TotalMilliseconds.ToString([cultureinfo]::InvariantCulture)";
        return double.Parse(Tool.Run("pwsh", "-NoProfile", "-NonInteractive", "-Command", script), CultureInfo.InvariantCulture);
    }
}
