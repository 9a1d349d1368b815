using System.Globalization;
using System.Numerics;

namespace NvStream.Tokenization.Templates;

/// <summary>Filters on and to numbers, and <c>default</c>.</summary>
static class NumberFilters
{
    static readonly Builtin Default = new(0, ["default_value", "boolean"], (_, value, a) =>
        value is UndefinedValue || (Argument.Flag(a[1]) && !value.IsTrue) ? a[0] ?? StrValue.Empty : value);

    public static readonly Dictionary<string, Builtin> All = new()
    {
        ["default"] = Default,
        ["d"] = Default,
        ["abs"] = new((run, value) => value switch
        {
            FloatValue real => new FloatValue(Math.Abs(real.Number)),
            IntValue { Number: >= 0 } or BoolValue => Arithmetic.Plus(run, value),
            _ => Arithmetic.Negate(run, value),
        }),
        ["int"] = new(0, ["default", "base"], (run, value, a) => ToInteger(run, value, a[0] ?? new IntValue(0), Argument.Integer(run, a[1], 10))),
        ["float"] = new(0, ["default"], (run, value, a) =>
        {
            Operators.RequireDefined(run, value);
            run.ChargeText(value is StrValue digits ? digits.Text.Length : 0);
            return Numbers.TryFloat(value, out double number) || (value is StrValue text && Numbers.TryParseFloat(text.Text, out number))
                ? new FloatValue(number)
                : a[0] ?? new FloatValue(0);
        }),
        ["round"] = new(0, ["precision", "method"], (run, value, a) =>
            Round(run, value, Argument.Integer(run, a[0], 0), Argument.OptionalText(run, a[1]) ?? "common")),
    };

    static Value ToInteger(Run run, Value value, Value whenNot, long radix)
    {
        Operators.RequireDefined(run, value);
        if (Numbers.TryInteger(value, out long integer))
        {
            return new IntValue(integer);
        }

        run.ChargeText(value is StrValue source ? 4L * source.Text.Length : 0);
        if (radix is not (0 or (>= 2 and <= 36)))
        {
            throw run.Fail("the base of 'int' must be 0 or from 2 to 36");
        }

        if (value is StrValue text && Numbers.TryParseInteger(text.Text, (int)radix, out BigInteger parsed))
        {
            return parsed >= long.MinValue && parsed <= long.MaxValue
                ? new IntValue((long)parsed)
                : throw run.Limit("an integer grew beyond 64 bits");
        }

        double real = value is FloatValue given ? given.Number : double.NaN;
        if ((value is StrValue digits && !Numbers.TryParseFloat(digits.Text, out real)) || !double.IsFinite(real))
        {
            return whenNot;
        }

        return Math.Abs(real) < long.MaxValue ? new IntValue((long)real) : throw run.Limit("an integer grew beyond 64 bits");
    }

    static Value Round(Run run, Value value, long precision, string method)
    {
        Operators.RequireDefined(run, value);
        if (!Numbers.TryFloat(value, out double number))
        {
            throw run.Fail($"'round' cannot take a value of type '{value.TypeName}'");
        }

        if (Math.Abs(precision) > 400)
        {
            throw run.Limit($"a number is rounded to {precision} places");
        }

        int places = (int)precision;
        if (method is "ceil" or "floor")
        {
            double scale = Math.Pow(10, places);
            return new FloatValue((method == "ceil" ? Math.Ceiling(number * scale) : Math.Floor(number * scale)) / scale);
        }

        if (method != "common")
        {
            throw run.Fail("the method of 'round' is common, ceil or floor");
        }

        if (Numbers.TryInteger(value, out long integer))
        {
            BigInteger unit = BigInteger.Pow(10, Math.Max(0, -places));
            BigInteger rounded = Numbers.Divide(integer, unit) * unit;
            return rounded >= long.MinValue && rounded <= long.MaxValue
                ? new IntValue((long)rounded)
                : throw run.Limit("an integer grew beyond 64 bits");
        }

        if (!double.IsFinite(number))
        {
            return value;
        }

        string digits = string.Create(CultureInfo.InvariantCulture, $"{Numbers.Scaled(number, places)}E{-places}");
        return new FloatValue(Math.CopySign(double.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture), number));
    }
}
