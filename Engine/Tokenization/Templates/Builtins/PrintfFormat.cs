using System.Globalization;
using System.Text;

namespace NvStream.Tokenization.Templates;

/// <summary>
/// <c>format % values</c> and the filter <c>format</c>: the conversions s, r, d, i, f, F, x, X and %, with the flags
/// <c>- 0 +</c> and space, a width, a precision and <c>%(key)</c>.
/// </summary>
static class PrintfFormat
{
    /// <summary>A number wide enough for any template; wider ones could only serve to fill the memory.</summary>
    const int MaxWidth = 1000;

    /// <param name="values">What positional conversions take.</param>
    /// <param name="mapping">What <c>%(key)s</c> looks its key up in.</param>
    public static string Format(Run run, string format, IReadOnlyList<Value> values, Value mapping)
    {
        var output = new StringBuilder();
        int next = 0;
        int at = 0;
        while (at < format.Length)
        {
            int percent = format.IndexOf('%', at);
            if (percent < 0)
            {
                break;
            }

            run.Step();
            output.Append(format, at, percent - at);
            at = percent + 1;
            Value? keyed = null;
            if (at < format.Length && format[at] == '(')
            {
                int close = format.IndexOf(')', at);
                string key = close < 0 ? throw Incomplete(run) : format[(at + 1)..close];
                keyed = (mapping as DictValue)?[key] ?? throw run.Fail($"the format has no value for '{key}'");
                at = close + 1;
            }

            string flags = Take(format, ref at, static c => c is '-' or '0' or '+' or ' ');
            int width = Count(run, Take(format, ref at, char.IsAsciiDigit));
            int precision = -1;
            if (at < format.Length && format[at] == '.')
            {
                at++;
                precision = Count(run, Take(format, ref at, char.IsAsciiDigit));
            }

            char conversion = at < format.Length ? format[at++] : throw Incomplete(run);
            if (conversion == '%')
            {
                output.Append('%');
                continue;
            }

            Value value = keyed ?? (next < values.Count ? values[next++] : throw run.Fail("the format has more conversions than values"));
            string text = Convert(run, conversion, value, flags, precision);
            run.ChargeText(Math.Max(text.Length, width));
            output.Append(Pad(text, flags, width, conversion));
        }

        bool takesMapping = next == 0 && mapping is DictValue;
        return next == values.Count || takesMapping
            ? output.Append(format, at, format.Length - at).ToString()
            : throw run.Fail("the format has fewer conversions than values");
    }

    static string Convert(Run run, char conversion, Value value, string flags, int precision)
    {
        string text;
        switch (conversion)
        {
            case 's' or 'r':
                text = conversion == 's' ? Printer.Text(run, value) : Printer.Represent(run, value);
                return precision >= 0 && precision < text.Length && new StrValue(text) is var whole
                    ? whole.Slice(0, 1, Math.Min(precision, whole.Length!.Value))
                    : text;
            case 'd' or 'i' or 'u' when value is FloatValue { Number: var real } && double.IsFinite(real) && Math.Abs(real) < long.MaxValue:
                text = ((long)real).ToString(CultureInfo.InvariantCulture);
                break;
            case 'd' or 'i' or 'u' when Numbers.TryInteger(value, out long integer):
                text = integer.ToString(CultureInfo.InvariantCulture);
                break;
            case 'x' or 'X' when Numbers.TryInteger(value, out long integer) && integer >= 0:
                text = integer.ToString(conversion == 'x' ? "x" : "X", CultureInfo.InvariantCulture);
                break;
            case 'f' or 'F' when Numbers.TryFloat(value, out double real):
                text = double.IsFinite(real) ? Numbers.Fixed(real, precision < 0 ? 6 : precision) : Numbers.Text(real);
                break;
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'f' or 'F':
                throw run.Fail($"the conversion '%{conversion}' cannot take a value of type '{value.TypeName}'");
            default:
                throw run.Unsupported($"the conversion '%{conversion}'");
        }

        return text.StartsWith('-') ? text : flags.Contains('+') ? $"+{text}" : flags.Contains(' ') ? $" {text}" : text;
    }

    static string Pad(string text, string flags, int width, char conversion)
    {
        // The width counts code points, padding counts UTF-16 units.
        int units = width + text.Length - new StrValue(text).Length!.Value;
        if (flags.Contains('-'))
        {
            return text.PadRight(units);
        }

        if (!flags.Contains('0') || conversion is 's' or 'r')
        {
            return text.PadLeft(units);
        }

        int sign = text.Length > 0 && text[0] is '-' or '+' or ' ' ? 1 : 0;
        return text[..sign] + text[sign..].PadLeft(width - sign, '0');
    }

    static string Take(string format, ref int at, Func<char, bool> accepts)
    {
        int start = at;
        while (at < format.Length && accepts(format[at]))
        {
            at++;
        }

        return format[start..at];
    }

    static int Count(Run run, string digits) =>
        digits.Length == 0 ? 0
        : int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count <= MaxWidth ? count
        : throw run.Limit($"a format asks for a width of {digits}");

    static TemplateException Incomplete(Run run) => run.Fail("the format ends inside a conversion");
}
