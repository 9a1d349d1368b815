using System.Globalization;
using System.Text;

namespace NvStream.Tokenization.Templates;

/// <summary>
/// <c>str.format</c>: fields by order, number or name, with <c>!s</c> and <c>!r</c>. Attributes, items and format
/// specifications inside a field are not supported.
/// </summary>
static class BraceFormat
{
    public static string Format(Run run, string format, Arguments arguments)
    {
        var output = new StringBuilder();
        var named = arguments.Named.ToDictionary(argument => argument.Key, argument => argument.Value);
        int next = 0;
        int at = 0;
        while (at < format.Length)
        {
            char c = format[at];
            if (c is not ('{' or '}'))
            {
                int brace = format.AsSpan(at).IndexOfAny('{', '}');
                int length = brace < 0 ? format.Length - at : brace;
                output.Append(format, at, length);
                at += length;
                continue;
            }

            run.Step();
            if (at + 1 < format.Length && format[at + 1] == c)
            {
                output.Append(c);
                at += 2;
                continue;
            }

            int close = c == '{' ? format.IndexOf('}', at) : -1;
            if (close < 0)
            {
                throw run.Fail($"a format has a single '{c}'");
            }

            string text = Field(run, format[(at + 1)..close], arguments.Positional, named, ref next);
            run.ChargeText(text.Length);
            output.Append(text);
            at = close + 1;
        }

        return output.ToString();
    }

    static string Field(Run run, string field, IReadOnlyList<Value> positional, Dictionary<string, Value> named, ref int next)
    {
        int mark = field.IndexOfAny(['!', ':', '.', '[', '{']);
        string name = mark < 0 ? field : field[..mark];
        string rest = mark < 0 ? "" : field[mark..];
        if (rest is not ("" or "!s" or "!r" or ":"))
        {
            throw run.Unsupported($"the format field {PythonText.Quote($"{{{field}}}")}");
        }

        Value? value;
        if (name.Length == 0 || char.IsAsciiDigit(name[0]))
        {
            int index = name.Length == 0 ? next++
                : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : int.MaxValue;
            value = index < positional.Count ? positional[index] : null;
        }
        else
        {
            value = named.GetValueOrDefault(name);
        }

        value ??= name.Length > 0 ? throw run.Fail($"the format has no value for '{name}'") : throw run.Fail("the format has more fields than values");
        return rest == "!r" ? Printer.Represent(run, value) : Printer.Text(run, value);
    }
}
