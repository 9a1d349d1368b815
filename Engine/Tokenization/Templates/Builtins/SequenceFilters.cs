namespace NvStream.Tokenization.Templates;

/// <summary>Filters that measure, order or take apart what can be iterated.</summary>
static class SequenceFilters
{
    static readonly Builtin LengthOf = new((run, value) =>
        new IntValue(value.Length ?? throw run.Fail($"a value of type '{value.TypeName}' has no length")));

    public static readonly Dictionary<string, Builtin> All = new()
    {
        ["length"] = LengthOf,
        ["count"] = LengthOf,
        ["list"] = new((run, value) => run.List(run.Iterate(value))),
        ["first"] = new((run, value) =>
            run.Iterate(value).FirstOrDefault() ?? new UndefinedValue("the first item of an empty sequence is undefined")),
        ["last"] = new((run, value) => Backwards(run, value, "last").FirstOrDefault()
            ?? new UndefinedValue("the last item of an empty sequence is undefined")),
        ["reverse"] = new((run, value) => value is StrValue text
            ? run.Text(text.Slice(text.Length!.Value - 1, -1, text.Length!.Value))
            : run.Iterator(Backwards(run, value is IteratorValue ? run.List(run.Iterate(value)) : value, "reverse"))),
        ["join"] = new(0, ["d", "attribute"], (run, value, a) =>
        {
            var path = new AttributePath(run, a[1]);
            string separator = a[0] is null ? "" : Printer.Text(run, a[0]!);
            return run.Text(StringMethods.Join(run, separator, run.Iterate(value).Select(item => Printer.Text(run, path.Of(run, item)))));
        }),
        ["min"] = new(0, ["case_sensitive", "attribute"], (run, value, a) => Extreme(run, value, a, -1)),
        ["max"] = new(0, ["case_sensitive", "attribute"], (run, value, a) => Extreme(run, value, a, 1)),
        ["sum"] = new(0, ["attribute", "start"], (run, value, a) =>
        {
            var path = new AttributePath(run, a[0]);
            return run.Iterate(value).Aggregate(a[1] ?? new IntValue(0), (sum, item) => Arithmetic.Apply(run, "+", sum, path.Of(run, item)));
        }),
        ["sort"] = new(0, ["reverse", "case_sensitive", "attribute"], (run, value, a) =>
        {
            run.ChargeText(a[2] is StrValue { Text: var text } ? 8L * text.Length : 0);
            AttributePath[] paths = a[2] is StrValue names
                ? [.. names.Text.Split(',').Select(name => new AttributePath(run, new StrValue(name)))]
                : [new AttributePath(run, a[2])];
            return Sorted(run, run.Iterate(value), Argument.Flag(a[0]), item => Array.ConvertAll(paths, path => Key(run, path.Of(run, item), a[1])));
        }),
        ["unique"] = new(0, ["case_sensitive", "attribute"], (run, value, a) =>
        {
            var path = new AttributePath(run, a[1]);
            var seen = new DictValue();
            return run.Iterator(run.Iterate(value).Where(item =>
            {
                Value key = Key(run, path.Of(run, item), a[0]);
                bool isNew = seen.GetItem(run, key) is null;
                seen.Set(run, key, key);
                return isNew;
            }));
        }),
        ["items"] = new((run, value) => value switch
        {
            UndefinedValue => run.Iterator([]),
            DictValue dict => run.Iterator(dict.Pairs),
            _ => throw run.Fail($"'items' needs a mapping, not a value of type '{value.TypeName}'"),
        }),
        ["dictsort"] = new(0, ["case_sensitive", "by", "reverse"], (run, value, a) =>
        {
            Operators.RequireDefined(run, value);
            int part = (Argument.OptionalText(run, a[1]) ?? "key") switch
            {
                "key" => 0,
                "value" => 1,
                _ => throw run.Fail("'dictsort' sorts by 'key' or 'value'"),
            };
            var pairs = value is DictValue dict ? dict.Pairs : throw run.Fail($"'dictsort' needs a mapping, not a value of type '{value.TypeName}'");
            return Sorted(run, pairs, Argument.Flag(a[2]), pair => [Key(run, ((TupleValue)pair)[part], a[0])]);
        }),
        ["groupby"] = new(1, ["attribute", "default", "case_sensitive"], GroupBy),
        ["attr"] = new(1, ["name"], (run, value, a) =>
            value.GetAttribute(run, Argument.Text(run, a[0]!)) ?? new UndefinedValue($"a value of type '{value.TypeName}' has no such attribute")),
    };

    /// <summary>A key of sorting and uniqueness: strings without their case, unless told otherwise.</summary>
    static Value Key(Run run, Value value, Value? caseSensitive) =>
        value is StrValue text && !Argument.Flag(caseSensitive) ? run.Text(TextCase.Lower(text.Text)) : value;

    static ListValue Sorted(Run run, IEnumerable<Value> items, bool isReversed, Func<Value, Value[]> keys)
    {
        var list = run.List(items).List;
        var keyed = list.ConvertAll(item => (Keys: keys(item), Item: item));

        // Reversed comparison, not a reversed result: items that compare equal keep their order either way.
        var sorted = StableSort.Sort(keyed, (a, b) => isReversed ? Compare(run, b.Keys, a.Keys) : Compare(run, a.Keys, b.Keys));
        return new ListValue(sorted.ConvertAll(entry => entry.Item));
    }

    static int Compare(Run run, Value[] a, Value[] b)
    {
        run.ChargeItems(2);
        for (int i = 0; i < a.Length; i++)
        {
            if (Operators.Compare(run, a[i], b[i]) is not 0 and var order)
            {
                return order;
            }
        }

        return 0;
    }

    static Value Extreme(Run run, Value value, Value?[] a, int sign)
    {
        var path = new AttributePath(run, a[1]);
        Value? best = null;
        Value? bestKey = null;
        foreach (Value item in run.Iterate(value))
        {
            Value key = Key(run, path.Of(run, item), a[0]);
            if (best is null || Operators.Compare(run, key, bestKey!) * sign > 0)
            {
                best = item;
                bestKey = key;
            }
        }

        return best ?? new UndefinedValue("the least or greatest item of an empty sequence is undefined");
    }

    static ListValue GroupBy(Run run, Value value, Value?[] a)
    {
        var path = new AttributePath(run, a[0]);
        Value KeyOf(Value item) => Key(run, path.Of(run, item, a[1]), a[2]);
        var groups = new List<Value>();
        ListValue? group = null;
        foreach (Value item in Sorted(run, run.Iterate(value), isReversed: false, item => [KeyOf(item)]).List)
        {
            if (group is null || !Operators.Equal(run, KeyOf(group[0]), KeyOf(item)))
            {
                group = run.List([]);
                group.List.Add(item);
                groups.Add(new GroupValue(path.Of(run, item, a[1]), group));
            }
            else
            {
                group.List.Add(item);
            }
        }

        return run.List(groups);
    }

    static IEnumerable<Value> Backwards(Run run, Value value, string filter)
    {
        var items = value switch
        {
            SequenceValue sequence => sequence,
            StrValue or DictValue or DictView or UndefinedValue => run.List(run.Iterate(value)),
            _ => throw run.Fail($"'{filter}' cannot go backwards through a value of type '{value.TypeName}'"),
        };
        return Enumerate();

        IEnumerable<Value> Enumerate()
        {
            for (int i = items.Count - 1; i >= 0; i--)
            {
                run.Step();
                yield return items[i];
            }
        }
    }
}
