namespace NvStream.Benchmarks;

/// <summary>Values that each take long: every one goes to the log as it comes, and those that came count if the next fails.</summary>
sealed class Series(Section section, string name, string unit)
{
    readonly List<double> _values = [];

    public void Add(double value)
    {
        _values.Add(value);
        Section.Log($"{section.Name}: {name}: {Table.Number(value)} {unit}");
    }

    /// <summary>Puts what came into the section; null where nothing did.</summary>
    public Sample? Close() => _values.Count == 0 ? null : section.Add(name, unit, _values, isLogged: false);
}
