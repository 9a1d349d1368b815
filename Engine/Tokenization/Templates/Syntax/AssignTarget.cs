namespace NvStream.Tokenization.Templates;

/// <summary>What a value can be assigned to.</summary>
abstract class AssignTarget
{
    public abstract void Assign(Frame frame, Value value);
}

sealed class NameTarget(string name) : AssignTarget
{
    public override void Assign(Frame frame, Value value) => frame.Set(name, value);
}

/// <summary><c>name.attribute</c>, where the name holds a namespace.</summary>
sealed class NamespaceTarget(string name, string attribute) : AssignTarget
{
    public override void Assign(Frame frame, Value value)
    {
        if (frame.Find(name) is not NamespaceValue scope)
        {
            throw frame.Run.Fail($"'{name}' is not a namespace, so its attribute '{attribute}' cannot be set");
        }

        scope.Attributes[attribute] = value;
    }
}

/// <summary><c>a, b</c>: as many targets as the value has items.</summary>
sealed class TupleTarget(AssignTarget[] targets) : AssignTarget
{
    public override void Assign(Frame frame, Value value)
    {
        var items = new List<Value>(targets.Length);
        foreach (Value item in frame.Run.Iterate(value))
        {
            items.Add(item);
            if (items.Count > targets.Length)
            {
                break;
            }
        }

        if (items.Count != targets.Length)
        {
            throw frame.Run.Fail($"{targets.Length} names cannot take {(items.Count > targets.Length ? "more" : "fewer")} values");
        }

        for (int i = 0; i < targets.Length; i++)
        {
            targets[i].Assign(frame, items[i]);
        }
    }
}
