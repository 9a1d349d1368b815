namespace NvStream.Tokenization.Templates;

/// <summary>A scope of names: what is set in it hides the same name further out and ends with it.</summary>
sealed class Frame(Run run, Frame? outer)
{
    Dictionary<string, Value>? _names;

    public Run Run => run;

    /// <summary>A scope inside this one.</summary>
    public Frame Inner() => new(run, this);

    public Frame? Outer => outer;

    public void Set(string name, Value value) => (_names ??= new(StringComparer.Ordinal))[name] = value;

    public Value Find(string name)
    {
        for (Frame? frame = this; frame is not null; frame = frame.Outer)
        {
            if (frame._names is not null && frame._names.TryGetValue(name, out Value? value))
            {
                return value;
            }
        }

        return Functions.Table.GetValueOrDefault(name) ?? new UndefinedValue($"'{name}' is undefined");
    }
}
