using System.Text;

namespace NvStream.Tokenization.Templates;

/// <summary>The operators <c>+ - * / // % **</c> and the signs, with Python's semantics.</summary>
static class Arithmetic
{
    public static Value Apply(Run run, string symbol, Value a, Value b)
    {
        Operators.RequireDefined(run, a);
        Operators.RequireDefined(run, b);
        if (symbol == "%" && a is StrValue format)
        {
            return run.Text(PrintfFormat.Format(run, format.Text, b is TupleValue tuple ? [.. tuple.Items!] : [b], b));
        }

        if (symbol == "+" && Concatenation(run, a, b) is Value joined)
        {
            return joined;
        }

        if (symbol == "*" && Repetition(run, a, b) is Value repeated)
        {
            return repeated;
        }

        if (!Numbers.TryFloat(a, out double x) || !Numbers.TryFloat(b, out double y))
        {
            throw run.Fail($"'{symbol}' cannot take values of types '{a.TypeName}' and '{b.TypeName}'");
        }

        if (symbol is "/" or "//" or "%" && y == 0)
        {
            throw run.Fail("division by zero");
        }

        bool areIntegers = Numbers.TryInteger(a, out long i) & Numbers.TryInteger(b, out long j);
        try
        {
            return areIntegers && symbol != "/" ? Integers(run, symbol, i, j) : Floats(run, symbol, x, y);
        }
        catch (OverflowException)
        {
            throw run.Limit("an integer grew beyond 64 bits");
        }
    }

    public static Value Negate(Run run, Value value)
    {
        Operators.RequireDefined(run, value);
        return value is FloatValue real ? new FloatValue(-real.Number)
            : Numbers.TryInteger(value, out long number) && number != long.MinValue ? new IntValue(-number)
            : throw run.Fail($"'-' cannot take a value of type '{value.TypeName}'");
    }

    public static Value Plus(Run run, Value value)
    {
        Operators.RequireDefined(run, value);
        return value is FloatValue ? value
            : Numbers.TryInteger(value, out long number) ? new IntValue(number)
            : throw run.Fail($"'+' cannot take a value of type '{value.TypeName}'");
    }

    static Value? Concatenation(Run run, Value a, Value b)
    {
        switch (a, b)
        {
            case (StrValue x, StrValue y):
                run.ChargeText(x.Text.Length + (long)y.Text.Length);
                return new StrValue(x.Text + y.Text);
            case (ListValue x, ListValue y):
                run.ChargeItems(4 + x.Count + (long)y.Count);
                return new ListValue([.. x.List, .. y.List]);
            case (TupleValue x, TupleValue y):
                run.ChargeItems(4 + x.Count + (long)y.Count);
                return new TupleValue([.. x.Items!, .. y.Items!]);
            default:
                return null;
        }
    }

    static Value? Repetition(Run run, Value a, Value b)
    {
        if (Numbers.TryInteger(a, out long times))
        {
            (a, b) = (b, a);
        }
        else if (!Numbers.TryInteger(b, out times))
        {
            return null;
        }

        times = Math.Max(times, 0);
        switch (a)
        {
            case StrValue text:
                run.ChargeText(Product(text.Text.Length, times));
                return times == 0 || text.Text.Length == 0 ? StrValue.Empty : new StrValue(new StringBuilder().Insert(0, text.Text, (int)times).ToString());
            case ListValue or TupleValue:
                var items = (SequenceValue)a;
                run.ChargeItems(4 + Product(items.Count, times));
                var all = new List<Value>();
                for (long i = 0; i < times * items.Count; i++)
                {
                    all.Add(items[(int)(i % items.Count)]);
                }

                return a is ListValue ? new ListValue(all) : new TupleValue(all);
            default:
                return null;
        }
    }

    static long Product(long length, long times) => length != 0 && times > int.MaxValue / length ? int.MaxValue : length * times;

    static Value Integers(Run run, string symbol, long a, long b) => symbol switch
    {
        "+" => new IntValue(checked(a + b)),
        "-" => new IntValue(checked(a - b)),
        "*" => new IntValue(checked(a * b)),
        "//" => new IntValue(FloorDivide(a, b)),
        "%" => new IntValue(b == -1 ? 0 : a - b * FloorDivide(a, b)),
        "**" when b >= 0 => new IntValue(Power(a, b)),
        _ => Floats(run, symbol, a, b),
    };

    static long FloorDivide(long a, long b)
    {
        if (b == -1)
        {
            return checked(-a);
        }

        var (quotient, rest) = Math.DivRem(a, b);
        return rest != 0 && rest < 0 != b < 0 ? quotient - 1 : quotient;
    }

    static long Power(long a, long exponent)
    {
        long power = 1;
        while (true)
        {
            power = (exponent & 1) != 0 ? checked(power * a) : power;
            exponent >>= 1;
            if (exponent == 0)
            {
                return power;
            }

            a = checked(a * a);
        }
    }

    static FloatValue Floats(Run run, string symbol, double a, double b)
    {
        double result = symbol switch
        {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" => a / b,
            "//" => Math.Round((a - Modulo(a, b)) / b),
            "%" => Modulo(a, b),
            "**" when a == 0 && b < 0 => throw run.Fail("division by zero"),
            "**" when a < 0 && b != Math.Floor(b) => throw run.Fail("a power of a negative number needs a whole exponent"),
            "**" => Math.Pow(a, b),
            _ => throw new InvalidOperationException(symbol),
        };
        return new FloatValue(result);
    }

    static double Modulo(double a, double b)
    {
        double rest = a % b;
        return rest == 0 ? Math.CopySign(0, b) : rest < 0 != b < 0 ? rest + b : rest;
    }
}
