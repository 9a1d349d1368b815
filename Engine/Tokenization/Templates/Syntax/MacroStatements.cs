namespace NvStream.Tokenization.Templates;

/// <summary>What <c>macro</c> and <c>call</c> define: parameters and a body.</summary>
/// <param name="Uses">Which of <c>varargs</c>, <c>kwargs</c> and <c>caller</c> the body mentions; without that, such arguments are an error.</param>
sealed record MacroDefinition(string Name, (string Name, Expression? Default)[] Parameters, Body Body, IReadOnlySet<string> Uses);

sealed class MacroStatement(Position at, MacroDefinition macro) : Statement(at)
{
    protected override Flow Perform(Frame frame)
    {
        frame.Run.ChargeItems(8);
        frame.Set(macro.Name, new MacroValue(macro, frame));
        return Flow.Normal;
    }
}

/// <summary><c>{% call macro(...) %}body{% endcall %}</c>: the macro gets the body as its <c>caller</c>.</summary>
sealed class CallStatement(Position at, CallExpression call, MacroDefinition body) : Statement(at)
{
    protected override Flow Perform(Frame frame)
    {
        frame.Run.Write(Printer.Text(frame.Run, call.Call(frame, new MacroValue(body, frame))));
        return Flow.Normal;
    }
}

/// <summary>A macro together with the scope it was defined in.</summary>
sealed class MacroValue(MacroDefinition macro, Frame scope) : Value
{
    public override string TypeName => "Macro";

    public override bool IsCallable => true;

    public override Value? Call(Run run, Arguments arguments)
    {
        run.ChargeItems(4 + 2 * macro.Parameters.Length);
        var frame = scope.Inner();
        var named = arguments.Named.ToDictionary(argument => argument.Key, argument => argument.Value);
        for (int i = 0; i < macro.Parameters.Length; i++)
        {
            var (name, whenAbsent) = macro.Parameters[i];
            if (i < arguments.Positional.Count)
            {
                frame.Set(name, arguments.Positional[i]);
            }
            else if (named.Remove(name, out Value? value))
            {
                frame.Set(name, value);
            }
            else
            {
                frame.Set(name, whenAbsent?.Evaluate(frame) ?? new UndefinedValue($"parameter '{name}' was not provided"));
            }
        }

        TakeRest(run, frame, arguments, named);
        return run.Capture(() => macro.Body.Execute(frame));
    }

    void TakeRest(Run run, Frame frame, Arguments arguments, Dictionary<string, Value> named)
    {
        bool declaresCaller = macro.Parameters.Any(parameter => parameter.Name == "caller");
        if (macro.Uses.Contains("caller") && !declaresCaller)
        {
            frame.Set("caller", named.Remove("caller", out Value? caller) ? caller : new UndefinedValue("no caller is defined"));
        }

        if (macro.Uses.Contains("kwargs"))
        {
            var rest = new DictValue();
            foreach (var (name, value) in named)
            {
                rest[name] = value;
            }

            frame.Set("kwargs", rest);
        }
        else if (named.Count > 0)
        {
            throw run.Fail($"the macro '{macro.Name}' has no parameter '{named.Keys.First()}'");
        }

        if (macro.Uses.Contains("varargs"))
        {
            frame.Set("varargs", new TupleValue([.. arguments.Positional.Skip(macro.Parameters.Length)]));
        }
        else if (arguments.Positional.Count > macro.Parameters.Length)
        {
            throw run.Fail($"the macro '{macro.Name}' takes at most {macro.Parameters.Length} arguments, not {arguments.Positional.Count}");
        }
    }
}
