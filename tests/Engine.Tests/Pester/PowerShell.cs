using System.Diagnostics;

namespace NvStream.Tests.Pester;

/// <summary>The PowerShell that is installed: NVSTREAM_PWSH, else the first pwsh on PATH.</summary>
static class PowerShell
{
    public static string? Path { get; } = Environment.GetEnvironmentVariable("NVSTREAM_PWSH") is { Length: > 0 } given ? given : FindOnPath();

    /// <summary>Runs a script file to its end; fails the test when that takes longer than the limit.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(TimeSpan limit, string script, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path!, ["-NoProfile", "-NonInteractive", "-File", script, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        timeout.CancelAfter(limit);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(timeout.Token);
            var errors = process.StandardError.ReadToEndAsync(timeout.Token);
            await process.WaitForExitAsync(timeout.Token);
            return (process.ExitCode, await output + await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    static string? FindOnPath() => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(System.IO.Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => System.IO.Path.Combine(folder, OperatingSystem.IsWindows() ? "pwsh.exe" : "pwsh"))
        .FirstOrDefault(File.Exists);
}
