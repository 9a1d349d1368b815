using System.ComponentModel;
using System.Diagnostics;

namespace NvStream.Benchmarks;

/// <summary>Other programs: looked for, run to their end.</summary>
static class Tool
{
    public static bool Exists(string program) => Find(program) is not null;

    /// <summary>Where on PATH a program lies; null where it does not.</summary>
    public static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    /// <summary>What a program prints, trimmed; null where it is missing or fails.</summary>
    public static string? Output(string program, params string[] arguments) =>
        TryRun(program, arguments, [], out var output, out _) ? output : null;

    /// <summary>Runs a program to its end.</summary>
    /// <exception cref="BenchmarkException">It is missing or fails; the message has what it said.</exception>
    public static string Run(string program, params string[] arguments) => Run(program, arguments, []);

    /// <summary>The same, with variables set in the program's environment.</summary>
    public static string Run(string program, string[] arguments, (string Name, string Value)[] environment) =>
        TryRun(program, arguments, environment, out var output, out var error)
            ? output
            : throw new BenchmarkException($"`{program} {string.Join(' ', arguments)}` failed: {error}");

    /// <summary>Starts a program whose input and output are ours.</summary>
    public static Process Start(string program, IEnumerable<string> arguments, bool takesInput = false, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = takesInput,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    static bool TryRun(string program, string[] arguments, (string Name, string Value)[] environment, out string output, out string error)
    {
        try
        {
            using var process = Start(program, arguments, environment: environment);
            var errors = process.StandardError.ReadToEndAsync();
            output = process.StandardOutput.ReadToEnd().Trim();
            process.WaitForExit();
            error = errors.Result.Trim();
            return process.ExitCode == 0;
        }
        catch (Win32Exception e)
        {
            (output, error) = ("", e.Message);
            return false;
        }
    }
}

/// <summary>A measurement that cannot be made, with the reason.</summary>
sealed class BenchmarkException(string message) : Exception(message);
