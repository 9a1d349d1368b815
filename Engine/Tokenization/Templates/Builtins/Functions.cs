using System.Collections.Frozen;

namespace NvStream.Tokenization.Templates;

/// <summary>The names that every template can use.</summary>
static class Functions
{
    /// <summary>Numbers that a range may have, as in Jinja2's sandbox.</summary>
    const int MaxRange = 100_000;

    public static readonly FrozenDictionary<string, Value> Table = new Dictionary<string, Builtin>
    {
        ["range"] = new(1, ["start", "stop", "step"], (run, _, a) => Range(run, a)),
        ["raise_exception"] = new(1, ["message"], (run, _, a) =>
            throw TemplateException.Rejected(Printer.Text(run, a[0]!), run.At)),
        ["strftime_now"] = new(1, ["format"], (run, _, a) =>
            run.Text(TimeFormat.Format(run, Argument.Text(run, a[0]!), run.Clock.GetLocalNow()))),
        ["namespace"] = new((run, _, arguments) => new NamespaceValue(Dict(run, arguments))),
        ["dict"] = new((run, _, arguments) => Dict(run, arguments)),
    }.ToFrozenDictionary(entry => entry.Key, entry => (Value)new FunctionValue(entry.Key, entry.Value));

    static RangeValue Range(Run run, Value?[] a)
    {
        long start = a[1] is null ? 0 : Argument.Integer(run, a[0], 0);
        long stop = Argument.Integer(run, a[1] ?? a[0], 0);
        long step = Argument.Integer(run, a[2], 1);
        if (step == 0)
        {
            throw run.Fail("the step of a range cannot be zero");
        }

        Int128 span = step > 0 ? (Int128)stop - start : (Int128)start - stop;
        Int128 count = span <= 0 ? 0 : (span - 1) / Int128.Abs(step) + 1;
        return count <= MaxRange
            ? new RangeValue(start, stop, step, (int)count)
            : throw run.Limit($"a range has {count} numbers, more than {MaxRange}");
    }

    /// <summary>A dict from at most one mapping or iterable of pairs, and keyword arguments.</summary>
    static DictValue Dict(Run run, Arguments arguments)
    {
        var dict = new DictValue();
        run.ChargeItems(8 + arguments.Named.Count);
        if (arguments.Positional.Count > 1)
        {
            throw run.Fail($"a dict is made from at most one value, not {arguments.Positional.Count}");
        }

        foreach (Value source in arguments.Positional)
        {
            DictMethods.Update(run, dict, source);
        }

        foreach (var (name, value) in arguments.Named)
        {
            dict[name] = value;
        }

        return dict;
    }
}
