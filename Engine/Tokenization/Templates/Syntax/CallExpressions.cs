namespace NvStream.Tokenization.Templates;

/// <summary>The arguments of a call as they are written.</summary>
sealed record ArgumentList(Expression[] Positional, (string Name, Expression Value)[] Named)
{
    public static readonly ArgumentList Empty = new([], []);

    public Arguments Evaluate(Frame frame)
    {
        if (Positional.Length + Named.Length == 0)
        {
            return Arguments.None;
        }

        frame.Run.ChargeItems(Positional.Length + Named.Length);
        var positional = Array.ConvertAll(Positional, argument => argument.Evaluate(frame));
        var named = Array.ConvertAll(Named, argument => KeyValuePair.Create(argument.Name, argument.Value.Evaluate(frame)));
        return new Arguments(positional, named);
    }
}

sealed class CallExpression(Position at, Expression callee, ArgumentList arguments) : Expression(at)
{
    protected override Value Compute(Frame frame) => Call(frame, null);

    /// <param name="caller">What the body of a call block is, as the keyword argument <c>caller</c>.</param>
    public Value Call(Frame frame, Value? caller)
    {
        Value function = callee.Evaluate(frame);
        if (function is UndefinedValue undefined)
        {
            throw callee switch
            {
                NameExpression name => frame.Run.Unsupported($"the function '{name.Name}'"),
                AttributeExpression attribute when undefined.Owner is StrValue or SequenceValue or DictValue =>
                    frame.Run.Unsupported($"the method '{attribute.Name}' of type '{undefined.Owner.TypeName}'"),
                _ => frame.Run.Fail(undefined.Reason),
            };
        }

        Arguments given = arguments.Evaluate(frame);
        if (caller is not null)
        {
            given = given with { Named = [.. given.Named, KeyValuePair.Create("caller", caller)] };
        }

        return function.Call(frame.Run, given)
            ?? throw frame.Run.Fail($"a value of type '{function.TypeName}' cannot be called");
    }
}

/// <summary><c>value | name(arguments)</c>.</summary>
/// <param name="value">What is filtered; null where the filter stands at the head of a block, whose text it takes.</param>
/// <param name="filter">Null where there is no such filter: an error only if it comes to that.</param>
sealed class FilterExpression(Position at, Expression? value, string name, Builtin? filter, ArgumentList arguments) : Expression(at)
{
    protected override Value Compute(Frame frame) => Apply(frame, value!.Evaluate(frame));

    public Value Apply(Frame frame, Value input)
    {
        if (filter is null)
        {
            throw TemplateException.Unsupported($"the filter '{name}'", At);
        }

        return filter.Invoke(frame.Run, name, input, arguments.Evaluate(frame));
    }
}

/// <summary><c>value is name(arguments)</c>.</summary>
/// <param name="test">Null where there is no such test: an error only if it comes to that.</param>
sealed class TestExpression(Position at, Expression value, string name, Builtin? test, ArgumentList arguments) : Expression(at)
{
    protected override Value Compute(Frame frame)
    {
        if (test is null)
        {
            throw frame.Run.Unsupported($"the test '{name}'");
        }

        return test.Invoke(frame.Run, name, value.Evaluate(frame), arguments.Evaluate(frame));
    }
}
