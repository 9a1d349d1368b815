using System.Text.Json;

namespace NvStream.Tests.Pester;

/// <summary>The module's own tests, on the staged module in a real PowerShell: one case a Pester file.</summary>
[Collection(SerialCollection.Name)]
public sealed class PesterTests
{
    static readonly TimeSpan FileLimit = TimeSpan.FromMinutes(10);

    static readonly string Script = Path.Combine(Fixtures.Repository, "tests", "Engine.Tests", "Pester", "Invoke-PesterFile.ps1");

    static readonly Lazy<Task<string?>> WhyNot = new(FindWhyNot);

    public static IEnumerable<TheoryDataRow<string>> Files =>
        Directory.EnumerateFiles(Path.Combine(Fixtures.Repository, "tests"), "*.Tests.ps1")
            .Order(StringComparer.Ordinal)
            .Select(f => new TheoryDataRow<string>(Path.GetFileName(f)));

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Every_test_of_the_file_passes(string file)
    {
        var whyNot = await WhyNot.Value;
        Assert.SkipWhen(whyNot is not null, whyNot ?? "");

        var result = Path.GetTempFileName();
        try
        {
            var run = await PowerShell.RunAsync(
                FileLimit, Script, "-Path", Path.Combine(Fixtures.Repository, "tests", file), "-ResultPath", result);
            var json = await File.ReadAllTextAsync(result, TestContext.Current.CancellationToken);
            Assert.True(json.Length > 0, $"{file} left no result (exit code {run.ExitCode}):\n{run.Output}");

            var summary = JsonSerializer.Deserialize<Summary>(json)!;
            Assert.True(summary.Result == "Passed" && summary.Failures.Length == 0, $"{string.Join('\n', summary.Failures)}\n\n{run.Output}");
            Assert.True(summary.Passed > 0, $"{file} ran no test:\n{run.Output}");
            TestContext.Current.TestOutputHelper?.WriteLine($"{summary.Passed} passed, {summary.Skipped} skipped\n{run.Output}");
        }
        finally
        {
            File.Delete(result);
        }
    }

    static async Task<string?> FindWhyNot()
    {
        if (PowerShell.Path is null)
        {
            return "no pwsh on PATH; NVSTREAM_PWSH can name one";
        }

        var probe = await PowerShell.RunAsync(TimeSpan.FromMinutes(1), Script);
        return probe.ExitCode == 0 ? null : $"'{PowerShell.Path}' cannot import Pester 5.5 or later: {probe.Output.Trim()}";
    }

    sealed record Summary(string Result, int Passed, int Skipped, string[] Failures);
}
