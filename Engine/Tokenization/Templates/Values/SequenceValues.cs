namespace NvStream.Tokenization.Templates;

/// <summary>Lists, tuples and ranges: a count, and items by index.</summary>
abstract class SequenceValue : Value
{
    public abstract int Count { get; }

    public abstract Value this[int index] { get; }

    public override bool IsTrue => Count > 0;

    public override int? Length => Count;

    public override IEnumerable<Value>? Items
    {
        get
        {
            for (int i = 0; i < Count; i++)
            {
                yield return this[i];
            }
        }
    }

    public override Value? GetItem(Run run, Value key)
    {
        if (!Numbers.TryInteger(key, out long index))
        {
            return null;
        }

        index += index < 0 ? Count : 0;
        return index >= 0 && index < Count ? this[(int)index] : null;
    }

    /// <summary>A sequence of the same type with the items at start, start + step, ... (<paramref name="count"/> of them).</summary>
    public abstract Value Slice(int start, int step, int count);

    protected List<Value> Pick(int start, int step, int count)
    {
        var items = new List<Value>(count);
        for (int i = 0; i < count; i++)
        {
            items.Add(this[start + i * step]);
        }

        return items;
    }
}

sealed class ListValue(List<Value> list) : SequenceValue
{
    public List<Value> List { get; } = list;

    public override string TypeName => "list";

    public override int Count => List.Count;

    public override Value this[int index] => List[index];

    public override Value Slice(int start, int step, int count) => new ListValue(Pick(start, step, count));

    public override Value? GetAttribute(Run run, string name) => BoundMethod.Find(ListMethods.Table, this, name);
}

class TupleValue(IReadOnlyList<Value> items) : SequenceValue
{
    public override string TypeName => "tuple";

    public override int Count => items.Count;

    public override Value this[int index] => items[index];

    public override Value Slice(int start, int step, int count) => new TupleValue(Pick(start, step, count));

    public override Value? GetAttribute(Run run, string name) => BoundMethod.Find(ListMethods.TupleTable, this, name);
}

/// <summary>What <c>groupby</c> gives for each group: a pair whose parts also have names.</summary>
sealed class GroupValue(Value grouper, ListValue list) : TupleValue([grouper, list])
{
    public override Value? GetAttribute(Run run, string name) => name switch
    {
        "grouper" => this[0],
        "list" => this[1],
        _ => base.GetAttribute(run, name),
    };
}

/// <summary>What <c>range()</c> gives; it holds no items.</summary>
sealed class RangeValue(long start, long stop, long step, int count) : SequenceValue
{
    public long Start { get; } = start;

    public long Stop { get; } = stop;

    public long Step { get; } = step;

    public override string TypeName => "range";

    public override int Count { get; } = count;

    public override Value this[int index] => new IntValue(Start + index * Step);

    public override Value Slice(int start, int step, int count) =>
        new RangeValue(Start + start * Step, Start + (start + count * step) * Step, Step * step, count);
}

/// <summary>
/// What the filters that are lazy in Jinja2 (<c>map</c>, <c>select</c>, <c>reverse</c>, ...) give: it can be gone
/// through once, has no length, and is true even when empty, as a Python generator is. The items are there from the
/// start: a generator over a generator over a generator has no bound to its depth.
/// </summary>
sealed class IteratorValue(IReadOnlyList<Value> items) : Value
{
    int _next;

    public override string TypeName => "generator";

    public override IEnumerable<Value>? Items
    {
        get
        {
            while (_next < items.Count)
            {
                yield return items[_next++];
            }
        }
    }
}
