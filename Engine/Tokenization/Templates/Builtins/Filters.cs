using System.Collections.Frozen;

namespace NvStream.Tokenization.Templates;

/// <summary>The filters, by name: what stands after <c>|</c>.</summary>
static class Filters
{
    public static readonly FrozenDictionary<string, Builtin> Table =
        TextFilters.All.Concat(NumberFilters.All).Concat(SequenceFilters.All).Concat(SelectionFilters.All).ToFrozenDictionary();

    /// <summary>A filter that a template names in a string: <c>map('upper')</c>.</summary>
    public static Builtin Named(Run run, string name) =>
        Table.GetValueOrDefault(name) ?? throw run.Unsupported($"the filter '{name}'");
}
