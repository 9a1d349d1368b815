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

    public Sample Add(string name, string unit, IEnumerable<double> values)
    {
        var sample = new Sample(name, unit, [.. values]);
        Samples.Add(sample);
        return sample;
    }

    public Table AddTable(int textColumns, params string[] header)
    {
        var table = new Table(header) { TextColumns = textColumns };
        Tables.Add(table);
        return table;
    }
}
