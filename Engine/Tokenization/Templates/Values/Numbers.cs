using System.Globalization;
using System.Numerics;

namespace NvStream.Tokenization.Templates;

/// <summary>Numbers as Python has them: booleans are integers, comparison across types is exact.</summary>
static class Numbers
{
    public static bool TryInteger(Value value, out long number)
    {
        number = value is IntValue integer ? integer.Number : value.IsTrue ? 1 : 0;
        return value is IntValue or BoolValue;
    }

    public static bool TryFloat(Value value, out double number)
    {
        number = value is FloatValue real ? real.Number : TryInteger(value, out long integer) ? integer : 0;
        return value is FloatValue or IntValue or BoolValue;
    }

    /// <param name="order">Negative, zero or positive; null when a NaN is compared.</param>
    /// <returns>Whether both are numbers.</returns>
    public static bool TryCompare(Value a, Value b, out int? order)
    {
        order = null;
        if (!TryFloat(a, out double x) || !TryFloat(b, out double y))
        {
            return false;
        }

        if (double.IsNaN(x) || double.IsNaN(y))
        {
            return true;
        }

        bool isIntegerA = TryInteger(a, out long i);
        bool isIntegerB = TryInteger(b, out long j);
        order = isIntegerA && isIntegerB ? i.CompareTo(j)
            : isIntegerA ? Compare(i, y)
            : isIntegerB ? -Compare(j, x)
            : x.CompareTo(y);
        return true;
    }

    static int Compare(long integer, double real)
    {
        const double TwoTo63 = 9223372036854775808.0;
        if (real >= TwoTo63 || real < -TwoTo63)
        {
            return real > 0 ? -1 : 1;
        }

        double whole = Math.Floor(real);
        int order = integer.CompareTo((long)whole);
        return order != 0 ? order : real > whole ? -1 : 0;
    }

    /// <summary><c>repr()</c> of a float: the shortest digits that read back the same, with an exponent below 1e-4 and from 1e16.</summary>
    public static string Text(double number)
    {
        if (!double.IsFinite(number))
        {
            return double.IsNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
        }

        string shortest = Math.Abs(number).ToString("R", CultureInfo.InvariantCulture);
        int mark = shortest.IndexOf('E');
        int exponent = mark < 0 ? 0 : int.Parse(shortest.AsSpan(mark + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        string mantissa = mark < 0 ? shortest : shortest[..mark];
        int point = mantissa.IndexOf('.');
        string digits = mantissa.Replace(".", "").TrimStart('0');
        exponent += (point < 0 ? mantissa.Length : point) - 1 - (mantissa.Length - (point < 0 ? 0 : 1) - digits.Length);
        digits = digits.TrimEnd('0');
        string sign = double.IsNegative(number) ? "-" : "";
        if (number == 0)
        {
            return $"{sign}0.0";
        }

        if (exponent is < -4 or >= 16)
        {
            string fraction = digits.Length > 1 ? $".{digits[1..]}" : "";
            return $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }

        if (exponent < 0)
        {
            return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        }

        string whole = digits.PadRight(exponent + 1, '0');
        return $"{sign}{whole[..(exponent + 1)]}.{(whole.Length > exponent + 1 ? whole[(exponent + 1)..] : "0")}";
    }

    /// <summary>
    /// number * 10^places rounded to an integer, halves to even, from the exact binary value: .NET's own rounding
    /// scales in floating point first, and so rounds 1.115 up.
    /// </summary>
    public static BigInteger Scaled(double number, int places)
    {
        long bits = BitConverter.DoubleToInt64Bits(number);
        int exponent = (int)(bits >> 52 & 0x7FF);
        BigInteger numerator = exponent == 0 ? bits & 0xFFFFFFFFFFFFF : bits & 0xFFFFFFFFFFFFF | 1L << 52;
        exponent = Math.Max(exponent, 1) - 1075;
        BigInteger denominator = 1;
        if (places >= 0)
        {
            numerator *= BigInteger.Pow(10, places);
        }
        else
        {
            denominator = BigInteger.Pow(10, -places);
        }

        if (exponent >= 0)
        {
            numerator <<= exponent;
        }
        else
        {
            denominator <<= -exponent;
        }

        return Divide(number < 0 ? -numerator : numerator, denominator);
    }

    /// <summary>The quotient rounded to the nearest integer, halves to even.</summary>
    public static BigInteger Divide(BigInteger numerator, BigInteger denominator)
    {
        var quotient = BigInteger.DivRem(BigInteger.Abs(numerator), denominator, out BigInteger rest);
        int half = (rest * 2).CompareTo(denominator);
        quotient += half > 0 || (half == 0 && !quotient.IsEven) ? 1 : 0;
        return numerator.Sign < 0 ? -quotient : quotient;
    }

    /// <summary>A finite number with a fixed count of decimal places, as <c>'%.2f'</c> writes it.</summary>
    public static string Fixed(double number, int places)
    {
        string digits = BigInteger.Abs(Scaled(number, places)).ToString(CultureInfo.InvariantCulture).PadLeft(places + 1, '0');
        string sign = double.IsNegative(number) ? "-" : "";
        return places == 0 ? sign + digits : $"{sign}{digits[..^places]}.{digits[^places..]}";
    }

    /// <summary><c>int(text)</c>: surrounding space, a sign, underscores between digits, and the prefixes of the base.</summary>
    /// <param name="radix">2 to 36, or 0 to go by the prefix.</param>
    /// <param name="number">Exact up to 64 bits; beyond, some number that is beyond too.</param>
    public static bool TryParseInteger(string text, int radix, out BigInteger number)
    {
        number = 0;
        string digits = PythonText.Strip(text, null, true, true);
        bool isNegative = digits.StartsWith('-');
        digits = isNegative || digits.StartsWith('+') ? digits[1..] : digits;
        int prefix = digits.Length < 2 || digits[0] != '0' ? 0 : (digits[1] | 0x20) switch { 'b' => 2, 'o' => 8, 'x' => 16, _ => 0 };
        if (prefix != 0 && (radix == prefix || radix == 0))
        {
            radix = prefix;
            digits = digits[2..];
            digits = digits.StartsWith('_') ? digits[1..] : digits;
        }

        radix = radix == 0 ? 10 : radix;
        if (digits.Length == 0 || digits.StartsWith('_') || digits.EndsWith('_') || digits.Contains("__"))
        {
            return false;
        }

        foreach (char c in digits)
        {
            int digit = c == '_' ? 0 : char.IsAsciiDigit(c) ? c - '0' : char.IsAsciiLetter(c) ? (c | 0x20) - 'a' + 10 : int.MaxValue;
            if (digit >= radix)
            {
                return false;
            }

            if (number > ulong.MaxValue)
            {
                break;
            }

            number = c == '_' ? number : number * radix + digit;
        }

        number = isNegative ? -number : number;
        return true;
    }

    /// <summary><c>float(text)</c>.</summary>
    public static bool TryParseFloat(string text, out double number)
    {
        string digits = PythonText.Strip(text, null, true, true).ToLowerInvariant();
        string unsigned = digits.StartsWith('-') || digits.StartsWith('+') ? digits[1..] : digits;
        if (unsigned is "inf" or "infinity" or "nan")
        {
            number = unsigned == "nan" ? double.NaN : digits.StartsWith('-') ? double.NegativeInfinity : double.PositiveInfinity;
            return true;
        }

        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        number = 0;
        for (int i = 1; i + 1 < digits.Length; i++)
        {
            if (digits[i] == '_' && char.IsAsciiDigit(digits[i - 1]) && char.IsAsciiDigit(digits[i + 1]))
            {
                digits = digits.Remove(i, 1);
            }
        }

        return unsigned.Length > 0 && (char.IsAsciiDigit(unsigned[0]) || unsigned[0] == '.')
            && double.TryParse(digits, Style, CultureInfo.InvariantCulture, out number);
    }
}
