namespace NvStream.Tokenization.Templates;

/// <summary>How a statement ended: whether the loop around it goes on as usual.</summary>
enum Flow
{
    Normal,
    Break,
    Continue,
}

/// <summary>A node that writes output or changes names.</summary>
abstract class Statement(Position at)
{
    public Position At { get; } = at;

    public Flow Execute(Frame frame)
    {
        var outer = frame.Run.Enter(At);
        Flow flow = Perform(frame);
        frame.Run.Leave(outer);
        return flow;
    }

    protected abstract Flow Perform(Frame frame);
}

/// <summary>Statements in sequence.</summary>
sealed class Body(Statement[] statements)
{
    public Flow Execute(Frame frame)
    {
        foreach (Statement statement in statements)
        {
            Flow flow = statement.Execute(frame);
            if (flow != Flow.Normal)
            {
                return flow;
            }
        }

        return Flow.Normal;
    }
}

sealed class TextStatement(Position at, string text) : Statement(at)
{
    protected override Flow Perform(Frame frame)
    {
        frame.Run.Write(text);
        return Flow.Normal;
    }
}

sealed class OutputStatement(Position at, Expression expression) : Statement(at)
{
    protected override Flow Perform(Frame frame)
    {
        frame.Run.Write(Printer.Text(frame.Run, expression.Evaluate(frame)));
        return Flow.Normal;
    }
}

sealed class IfStatement(Position at, (Expression Condition, Body Body)[] branches, Body? otherwise) : Statement(at)
{
    protected override Flow Perform(Frame frame)
    {
        foreach (var (condition, body) in branches)
        {
            if (condition.Evaluate(frame).IsTrue)
            {
                return body.Execute(frame);
            }
        }

        return otherwise?.Execute(frame) ?? Flow.Normal;
    }
}

sealed class SetStatement(Position at, AssignTarget target, Expression value) : Statement(at)
{
    protected override Flow Perform(Frame frame)
    {
        target.Assign(frame, value.Evaluate(frame));
        return Flow.Normal;
    }
}

/// <summary>What a body writes, through filters, assigned to a target; without a target it is written.</summary>
sealed class CaptureStatement(Position at, AssignTarget? target, FilterExpression[] filters, Body body) : Statement(at)
{
    protected override Flow Perform(Frame frame)
    {
        Flow flow = Flow.Normal;
        Value text = frame.Run.Capture(() => flow = body.Execute(frame.Inner()));
        if (flow != Flow.Normal)
        {
            return flow;
        }

        foreach (FilterExpression filter in filters)
        {
            text = filter.Apply(frame, text);
        }

        if (target is null)
        {
            frame.Run.Write(Printer.Text(frame.Run, text));
        }
        else
        {
            target.Assign(frame, text);
        }

        return Flow.Normal;
    }
}

/// <summary>A body in a scope of its own: <c>with</c>, and <c>generation</c>, which only marks what a model said.</summary>
sealed class ScopeStatement(Position at, (AssignTarget Target, Expression Value)[] names, Body body) : Statement(at)
{
    protected override Flow Perform(Frame frame)
    {
        var inner = frame.Inner();
        foreach (var (target, value) in names)
        {
            target.Assign(inner, value.Evaluate(frame));
        }

        return body.Execute(inner);
    }
}

/// <summary><c>break</c> and <c>continue</c>.</summary>
sealed class FlowStatement(Position at, Flow flow) : Statement(at)
{
    protected override Flow Perform(Frame frame) => flow;
}
