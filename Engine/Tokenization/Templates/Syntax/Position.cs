namespace NvStream.Tokenization.Templates;

/// <summary>A place in a template, both counted from 1.</summary>
readonly record struct Position(int Line, int Column)
{
    public override string ToString() => $"line {Line}, column {Column}";
}
