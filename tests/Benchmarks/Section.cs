using System.Diagnostics;

namespace NvStream.Benchmarks;

/// <summary>What one measurement found: samples, checks against targets, and what a reader has to know of them.</summary>
sealed class Section(string name, string title)
{
    /// <summary>As on the command line.</summary>
    public string Name { get; } = name;

    public string Title { get; } = title;

    public List<string> Notes { get; } = [];

    public List<Sample> Samples { get; } = [];

    public List<Check> Checks { get; } = [];

    /// <summary>What is printed in place of samples and checks where there are too many of them; the JSON has both.</summary>
    public List<Table> Tables { get; } = [];

    /// <summary>What follows from it: the last lines.</summary>
    public List<string> Conclusions { get; } = [];

    /// <summary>Why parts of it, or all, were not measured.</summary>
    public List<string> Skipped { get; } = [];

    /// <summary>Parts that went wrong; what was measured before and after stands.</summary>
    public List<string> Failures { get; } = [];

    /// <summary>A line of progress: figures of a run that is ended from outside are then in its log.</summary>
    public static void Log(string line) => Console.Error.WriteLine($"[{DateTime.Now - Process.GetCurrentProcess().StartTime:mm\\:ss}] {line}");

    public Sample Add(string name, string unit, IEnumerable<double> values, bool isLogged = true)
    {
        var sample = new Sample(name, unit, [.. values]);
        Samples.Add(sample);
        if (isLogged)
        {
            Log($"{Name}: {name}: {string.Join(", ", sample.Values.Select(Table.Number))} {unit}");
        }

        return sample;
    }

    public void Require(Check check)
    {
        Checks.Add(check);
        Log($"{Name}: {check.Name}: {Table.Number(check.Value)}, wanted {(check.IsAtLeast ? "at least" : "at most")} {Table.Number(check.Target)}");
    }

    /// <summary>Measures a part; where it fails, the others go on.</summary>
    /// <returns>Whether it did not fail.</returns>
    public async Task<bool> Part(string name, Func<Task> measure)
    {
        Log($"{Name}: {name} ...");
        try
        {
            await measure();
            return true;
        }
        catch (Exception e)
        {
            Fail($"{name}: {(e is NvStreamException or BenchmarkException or IOException ? e.Message : e)}");
            return false;
        }
    }

    public void Fail(string reason)
    {
        Failures.Add(reason);
        Log($"{Name}: FAILED: {reason}");
    }

    public Table AddTable(int textColumns, params string[] header)
    {
        var table = new Table(header) { TextColumns = textColumns };
        Tables.Add(table);
        return table;
    }
}
