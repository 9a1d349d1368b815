namespace NvStream.Tokenization.Templates;

/// <summary>A node that has a value.</summary>
abstract class Expression(Position at)
{
    public Position At { get; } = at;

    public Value Evaluate(Frame frame)
    {
        var outer = frame.Run.Enter(At);
        Value value = Compute(frame);
        frame.Run.Leave(outer);
        return value;
    }

    protected abstract Value Compute(Frame frame);
}

sealed class ConstantExpression(Position at, Value value) : Expression(at)
{
    protected override Value Compute(Frame frame) => value;
}

sealed class NameExpression(Position at, string name) : Expression(at)
{
    public string Name => name;

    protected override Value Compute(Frame frame) => frame.Find(name);
}

/// <summary>A list or, with parentheses or bare commas, a tuple.</summary>
sealed class SequenceExpression(Position at, Expression[] items, bool isTuple) : Expression(at)
{
    public Expression[] Items => items;

    public bool IsTuple => isTuple;

    protected override Value Compute(Frame frame)
    {
        frame.Run.ChargeItems(8 + items.Length);
        var values = new List<Value>(items.Length);
        foreach (Expression item in items)
        {
            values.Add(item.Evaluate(frame));
        }

        return isTuple ? new TupleValue(values) : new ListValue(values);
    }
}

sealed class DictExpression(Position at, (Expression Key, Expression Value)[] entries) : Expression(at)
{
    protected override Value Compute(Frame frame)
    {
        frame.Run.ChargeItems(8 + 4 * entries.Length);
        var dict = new DictValue();
        foreach (var (key, value) in entries)
        {
            dict.Set(frame.Run, key.Evaluate(frame), value.Evaluate(frame));
        }

        return dict;
    }
}

sealed class AttributeExpression(Position at, Expression target, string name) : Expression(at)
{
    public string Name => name;

    protected override Value Compute(Frame frame) => Access.Attribute(frame.Run, target.Evaluate(frame), name);
}

sealed class ItemExpression(Position at, Expression target, Expression key) : Expression(at)
{
    protected override Value Compute(Frame frame) =>
        Access.Item(frame.Run, target.Evaluate(frame), key.Evaluate(frame));
}

/// <summary><c>target[start:stop:step]</c>, each part null where left out.</summary>
sealed class SliceExpression(Position at, Expression target, Expression? start, Expression? stop, Expression? step) : Expression(at)
{
    protected override Value Compute(Frame frame)
    {
        Value Part(Expression? part) => part?.Evaluate(frame) ?? NoneValue.Instance;
        return Operators.Slice(frame.Run, target.Evaluate(frame), Part(start), Part(stop), Part(step));
    }
}
