using System.Diagnostics;

namespace NvStream.Benchmarks;

/// <summary>How long a published program takes from its start to the first text of an answer.</summary>
static class Startup
{
    const double TargetMilliseconds = 600;

    static readonly string s_program = Path.Combine(Bench.Repository, "examples", "QuickStart");

    public static Task<Section> Measure(Bench bench)
    {
        var section = new Section("startup", "examples/QuickStart, published: from starting the process to the demo model's first text");
        var program = Publish(section);

        // The first run pulls everything into the page cache; what is measured is a program that has run before.
        Once(program);
        var runs = Enumerable.Range(0, bench.Repeats).Select(_ => Once(program)).ToArray();
        var first = section.Add("first text of an answer", "ms", runs.Select(r => r.FirstText));
        section.Add("end of the process", "ms", runs.Select(r => r.End));
        section.Notes.Add("a dozen prompts at once on the CPU; text is seen by whoever reads the program's output");
        section.Checks.Add(Check.AtMost("first text, ms", first.Median, TargetMilliseconds));
        return Task.FromResult(section);
    }

    /// <summary>The path of the program, compiled ahead where the package for that can be had.</summary>
    static string Publish(Section section)
    {
        var folder = Path.Combine(Bench.Cache, "startup");
        string[] publish = ["publish", s_program, "-c", "Release", "-o", folder];
        try
        {
            Tool.Run("dotnet", publish);
        }
        catch (BenchmarkException e)
        {
            Tool.Run("dotnet", [.. publish, "-p:PublishReadyToRun=false"]);
            section.Notes.Add($"not compiled ahead: {e.Message}");
        }

        return Path.Combine(folder, OperatingSystem.IsWindows() ? "QuickStart.exe" : "QuickStart");
    }

    /// <summary>Milliseconds from before the start of the process; the program's first output is the first text.</summary>
    static (double FirstText, double End) Once(string program)
    {
        var watch = Stopwatch.StartNew();
        using var process = Tool.Start(program, ["--device", "Cpu"]);
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.BaseStream;
        Span<byte> first = stackalloc byte[1];
        var hasText = output.Read(first) > 0;
        var firstText = watch.Elapsed;
        output.CopyTo(Stream.Null);
        process.WaitForExit();
        var end = watch.Elapsed;
        return hasText && process.ExitCode == 0
            ? (firstText.TotalMilliseconds, end.TotalMilliseconds)
            : throw new BenchmarkException($"{program} ended with {process.ExitCode}: {errors.Result}");
    }
}
