namespace NvStream.Tokenization.Templates;

/// <summary>A filter, test, method or function of the language.</summary>
sealed class Builtin
{
    readonly int _required;
    readonly string[] _parameters = [];
    readonly Func<Run, Value, Value?[], Value>? _body;
    readonly Func<Run, Value, Arguments, Value>? _variadic;

    /// <param name="required">How many of the parameters must be given.</param>
    /// <param name="parameters">Names, in the order of positional arguments.</param>
    /// <param name="body">Takes the value filtered, tested or called on, and an argument a parameter, null where not given.</param>
    public Builtin(int required, string[] parameters, Func<Run, Value, Value?[], Value> body)
    {
        _required = required;
        _parameters = parameters;
        _body = body;
    }

    /// <summary>A builtin without parameters.</summary>
    public Builtin(Func<Run, Value, Value> body) => _body = (run, self, _) => body(run, self);

    /// <summary>A builtin that sorts its arguments itself.</summary>
    public Builtin(Func<Run, Value, Arguments, Value> body) => _variadic = body;

    /// <param name="name">As the template calls it, for messages.</param>
    public Value Invoke(Run run, string name, Value self, Arguments arguments) =>
        _variadic is not null ? _variadic(run, self, arguments) : _body!(run, self, Bind(run, name, arguments));

    Value?[] Bind(Run run, string name, Arguments arguments)
    {
        var bound = new Value?[_parameters.Length];
        if (arguments.Positional.Count > bound.Length)
        {
            throw run.Fail($"'{name}' takes at most {bound.Length} arguments, not {arguments.Positional.Count}");
        }

        for (int i = 0; i < arguments.Positional.Count; i++)
        {
            bound[i] = arguments.Positional[i];
        }

        foreach (var (key, value) in arguments.Named)
        {
            int index = Array.IndexOf(_parameters, key);
            if (index < 0)
            {
                throw run.Unsupported($"the argument '{key}' of '{name}'");
            }

            bound[index] = bound[index] is null ? value : throw run.Fail($"'{name}' was given two values for '{key}'");
        }

        int missing = Array.IndexOf(bound, null);
        return missing < 0 || missing >= _required
            ? bound
            : throw run.Fail($"'{name}' needs the argument '{_parameters[missing]}'");
    }
}

/// <summary>Reads the arguments of builtins.</summary>
static class Argument
{
    /// <summary>An argument that may be left out, or be None, which means the same.</summary>
    public static long Integer(Run run, Value? value, long whenAbsent)
    {
        if (value is null or NoneValue)
        {
            return whenAbsent;
        }

        Operators.RequireDefined(run, value);
        return Numbers.TryInteger(value, out long number)
            ? number
            : throw run.Fail($"an integer is needed where a value of type '{value.TypeName}' was given");
    }

    public static bool Flag(Value? value) => value is not null && value.IsTrue;

    public static string Text(Run run, Value value)
    {
        Operators.RequireDefined(run, value);
        return value is StrValue text
            ? text.Text
            : throw run.Fail($"a string is needed where a value of type '{value.TypeName}' was given");
    }

    /// <summary>A string that may be left out, or be None, which means the same.</summary>
    public static string? OptionalText(Run run, Value? value) => value is null or NoneValue ? null : Text(run, value);
}
