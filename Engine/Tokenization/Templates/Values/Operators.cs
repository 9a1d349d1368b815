namespace NvStream.Tokenization.Templates;

/// <summary>Comparison, membership and slicing of values, with Python's semantics.</summary>
static class Operators
{
    public static bool Equal(Run run, Value a, Value b, int depth = 0)
    {
        run.CheckDepth(depth);
        switch (a, b)
        {
            case (StrValue x, StrValue y):
                run.ChargeText(x.Text.Length == y.Text.Length ? x.Text.Length / 4 : 0);
                return x.Text == y.Text;
            case (ListValue x, ListValue y):
                return x.Count == y.Count && AllEqual(run, x, y, depth);
            case (TupleValue x, TupleValue y):
                return x.Count == y.Count && AllEqual(run, x, y, depth);
            case (RangeValue x, RangeValue y):
                return x.Count == y.Count
                    && (x.Count == 0 || (x.Start == y.Start && (x.Count == 1 || x.Step == y.Step)));
            case (UndefinedValue, UndefinedValue):
                return true;
            case (DictValue x, DictValue y):
                return x.Entries.Count == y.Entries.Count
                    && x.Entries.All(entry => y.Entries.TryGetValue(entry.Key, out Value? other) && Equal(run, entry.Value, other, depth + 1));
            default:
                return ReferenceEquals(a, b) || (Numbers.TryCompare(a, b, out int? order) && order == 0);
        }
    }

    public static bool SequenceEqual(Run run, IReadOnlyList<Value> a, IReadOnlyList<Value> b) =>
        a.Count == b.Count && a.Zip(b).All(pair => Equal(run, pair.First, pair.Second));

    static bool AllEqual(Run run, SequenceValue a, SequenceValue b, int depth)
    {
        for (int i = 0; i < a.Count; i++)
        {
            if (!Equal(run, a[i], b[i], depth + 1))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Order for sorting: a NaN counts as equal to everything.</summary>
    public static int Compare(Run run, Value a, Value b) => Order(run, a, b, 0) ?? 0;

    /// <summary>Negative, zero or positive; null when a NaN decides. Values of types without a common order are an error.</summary>
    public static int? Order(Run run, Value a, Value b, int depth)
    {
        run.CheckDepth(depth);
        switch (a, b)
        {
            case (StrValue x, StrValue y):
                run.ChargeText(Math.Min(x.Text.Length, y.Text.Length) / 4);
                return PythonText.Compare(x.Text, y.Text);
            case (ListValue x, ListValue y):
                return OrderItems(run, x, y, depth);
            case (TupleValue x, TupleValue y):
                return OrderItems(run, x, y, depth);
            default:
                RequireDefined(run, a);
                RequireDefined(run, b);
                return Numbers.TryCompare(a, b, out int? order)
                    ? order
                    : throw run.Fail($"values of types '{a.TypeName}' and '{b.TypeName}' have no order");
        }
    }

    static int? OrderItems(Run run, SequenceValue a, SequenceValue b, int depth)
    {
        for (int i = 0; i < Math.Min(a.Count, b.Count); i++)
        {
            if (!Equal(run, a[i], b[i], depth + 1))
            {
                return Order(run, a[i], b[i], depth + 1);
            }
        }

        return a.Count.CompareTo(b.Count);
    }

    public static void RequireDefined(Run run, Value value)
    {
        if (value is UndefinedValue undefined)
        {
            throw run.Fail(undefined.Reason);
        }
    }

    /// <summary><c>item in container</c>.</summary>
    public static bool Contains(Run run, Value container, Value item)
    {
        switch (container)
        {
            case StrValue text when item is StrValue needle:
                run.ChargeText((text.Text.Length + (long)needle.Text.Length) / 4);
                return needle.Text.Length <= text.Text.Length && new TextSearch(needle.Text).Find(text.Text, 0) >= 0;
            case StrValue:
                throw run.Fail($"'in' a string needs a string on its left, not '{item.TypeName}'");
            case DictValue dict:
                return dict.GetItem(run, item) is not null;
            default:
                return run.Iterate(container).Any(other => Equal(run, other, item));
        }
    }

    /// <summary><c>value[start:stop:step]</c> of a string, list, tuple or range.</summary>
    public static Value Slice(Run run, Value value, Value start, Value stop, Value step)
    {
        RequireDefined(run, value);
        int length = value is StrValue or SequenceValue
            ? value.Length!.Value
            : throw run.Fail($"a value of type '{value.TypeName}' cannot be sliced");
        long by = Bound(run, step) ?? 1;
        if (by == 0)
        {
            throw run.Fail("a slice's step cannot be zero");
        }

        // Steps beyond the length all mean "the first item only"; clamped, nothing below can overflow.
        by = Math.Clamp(by, -length - 1L, length + 1L);
        long lowest = by > 0 ? 0 : -1;
        long highest = by > 0 ? length : length - 1;
        long from = Bound(run, start) is long first ? Clamp(first) : by > 0 ? lowest : highest;
        long to = Bound(run, stop) is long last ? Clamp(last) : by > 0 ? highest : lowest;
        long count = Math.Max(0, by > 0 ? (to - from + by - 1) / by : (from - to - by - 1) / -by);
        if (value is StrValue text)
        {
            run.ChargeText(count);
            return count == 0 ? StrValue.Empty : run.Text(text.Slice((int)from, (int)by, (int)count));
        }

        run.ChargeItems(4 + (value is RangeValue ? 0 : count));
        return ((SequenceValue)value).Slice((int)from, (int)by, (int)count);

        long Clamp(long bound) => Math.Clamp(bound < 0 ? bound + length : bound, lowest, highest);
    }

    static long? Bound(Run run, Value value) =>
        value is NoneValue ? null
        : Numbers.TryInteger(value, out long number) ? number
        : throw run.Fail($"slice indices must be integers or none, not '{value.TypeName}'");
}
