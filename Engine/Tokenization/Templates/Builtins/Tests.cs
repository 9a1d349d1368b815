using System.Collections.Frozen;

namespace NvStream.Tokenization.Templates;

/// <summary>The tests, by name: what stands after <c>is</c>. Each gives a boolean.</summary>
static class Tests
{
    static readonly Builtin IsEqual = Compare((run, a, b) => Operators.Equal(run, a, b));
    static readonly Builtin IsUnequal = Compare((run, a, b) => !Operators.Equal(run, a, b));
    static readonly Builtin IsGreater = Compare((run, a, b) => Operators.Order(run, a, b, 0) > 0);
    static readonly Builtin IsAtLeast = Compare((run, a, b) => Operators.Order(run, a, b, 0) >= 0);
    static readonly Builtin IsLess = Compare((run, a, b) => Operators.Order(run, a, b, 0) < 0);
    static readonly Builtin IsAtMost = Compare((run, a, b) => Operators.Order(run, a, b, 0) <= 0);

    public static readonly FrozenDictionary<string, Builtin> Table = new Dictionary<string, Builtin>
    {
        ["defined"] = Of(value => value is not UndefinedValue),
        ["undefined"] = Of(value => value is UndefinedValue),
        ["none"] = Of(value => value is NoneValue),
        ["boolean"] = Of(value => value is BoolValue),
        ["true"] = Of(value => value == BoolValue.True),
        ["false"] = Of(value => value == BoolValue.False),
        ["integer"] = Of(value => value is IntValue),
        ["float"] = Of(value => value is FloatValue),
        ["number"] = Of(value => value is IntValue or FloatValue or BoolValue),
        ["string"] = Of(value => value is StrValue),
        ["mapping"] = Of(value => value is DictValue),
        ["sequence"] = Of(value => value is StrValue or SequenceValue or DictValue or UndefinedValue),
        ["iterable"] = Of(value => value.Items is not null),
        ["callable"] = Of(value => value.IsCallable),
        ["escaped"] = Of(_ => false),
        ["odd"] = new((run, value) => BoolValue.Of(HasRemainder(run, value, 2, 1))),
        ["even"] = new((run, value) => BoolValue.Of(HasRemainder(run, value, 2, 0))),
        ["divisibleby"] = new(1, ["num"], (run, value, a) =>
            BoolValue.Of(Operators.Equal(run, Arithmetic.Apply(run, "%", value, a[0]!), new IntValue(0)))),
        ["lower"] = new((run, value) => StringMethods.IsCase(run, Printer.Text(run, value), upper: false)),
        ["upper"] = new((run, value) => StringMethods.IsCase(run, Printer.Text(run, value), upper: true)),
        ["in"] = new(1, ["seq"], (run, value, a) => BoolValue.Of(Operators.Contains(run, a[0]!, value))),
        ["sameas"] = new(1, ["other"], (run, value, a) =>
            BoolValue.Of(value.GetType() == a[0]!.GetType() && (ReferenceEquals(value, a[0]) || (DictValue.IsKey(value) && Operators.Equal(run, value, a[0]!))))),
        ["filter"] = new((run, value) => BoolValue.Of(Filters.Table.ContainsKey(Argument.Text(run, value)))),
        ["test"] = new((run, value) => BoolValue.Of(Table!.ContainsKey(Argument.Text(run, value)))),
        ["eq"] = IsEqual,
        ["equalto"] = IsEqual,
        ["=="] = IsEqual,
        ["ne"] = IsUnequal,
        ["!="] = IsUnequal,
        ["gt"] = IsGreater,
        ["greaterthan"] = IsGreater,
        [">"] = IsGreater,
        ["ge"] = IsAtLeast,
        [">="] = IsAtLeast,
        ["lt"] = IsLess,
        ["lessthan"] = IsLess,
        ["<"] = IsLess,
        ["le"] = IsAtMost,
        ["<="] = IsAtMost,
    }.ToFrozenDictionary();

    /// <summary>A test that a template names in a string: <c>select('odd')</c>.</summary>
    public static Builtin Named(Run run, string name) =>
        Table.GetValueOrDefault(name) ?? throw run.Unsupported($"the test '{name}'");

    static Builtin Of(Func<Value, bool> test) => new((_, value) => BoolValue.Of(test(value)));

    static Builtin Compare(Func<Run, Value, Value, bool> compare) =>
        new(1, ["other"], (run, value, a) => BoolValue.Of(compare(run, value, a[0]!)));

    static bool HasRemainder(Run run, Value value, long divisor, long remainder) =>
        Operators.Equal(run, Arithmetic.Apply(run, "%", value, new IntValue(divisor)), new IntValue(remainder));
}
