namespace NvStream.Tokenization.Templates;

/// <summary>The arguments of a call.</summary>
sealed record Arguments(IReadOnlyList<Value> Positional, IReadOnlyList<KeyValuePair<string, Value>> Named)
{
    public static readonly Arguments None = new([], []);

    /// <summary>The arguments after the first <paramref name="count"/> positional ones.</summary>
    public Arguments Skip(int count) => this with { Positional = [.. Positional.Skip(count)] };
}
