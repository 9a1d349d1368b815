namespace NvStream.Tokenization.Templates;

sealed class ForStatement(Position at, AssignTarget target, Expression iterable, Expression? filter, Body body, Body? otherwise) : Statement(at)
{
    protected override Flow Perform(Frame frame)
    {
        Value source = iterable.Evaluate(frame);
        using var items = Items(frame, source).GetEnumerator();
        var loop = new LoopValue(items, filter is null ? source.Length : null);
        bool anyCompleted = false;
        while (loop.MoveNext())
        {
            frame.Run.ChargeItems(4);
            var inner = frame.Inner();
            inner.Set("loop", loop);
            target.Assign(inner, loop.Current);
            Flow flow = body.Execute(inner);
            if (flow == Flow.Break)
            {
                break;
            }

            anyCompleted |= flow == Flow.Normal;
        }

        // As in Jinja2, the else branch also runs when every iteration was cut short by break or continue.
        if (!anyCompleted && otherwise is not null)
        {
            return otherwise.Execute(frame.Inner());
        }

        return Flow.Normal;
    }

    /// <summary>The items that pass the filter, each judged only when the loop comes to it.</summary>
    IEnumerable<Value> Items(Frame frame, Value source)
    {
        foreach (Value item in frame.Run.Iterate(source))
        {
            if (filter is not null)
            {
                frame.Run.ChargeItems(4);
                var inner = frame.Inner();
                target.Assign(inner, item);
                if (!filter.Evaluate(inner).IsTrue)
                {
                    continue;
                }
            }

            yield return item;
        }
    }
}
