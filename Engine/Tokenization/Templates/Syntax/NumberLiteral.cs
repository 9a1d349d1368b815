using System.Globalization;

namespace NvStream.Tokenization.Templates;

/// <summary>Number literals: decimal with underscores, <c>0b</c>, <c>0o</c>, <c>0x</c>, fractions and exponents.</summary>
static class NumberLiteral
{
    /// <returns>The offset after the literal.</returns>
    public static int Read(string source, int start, Position at, out Token token)
    {
        bool afterDot = start > 0 && source[start - 1] == '.';
        int end = Digits(source, start);
        int fraction = end;
        bool isFloat = false;
        if (!afterDot)
        {
            if (end + 1 < source.Length && source[end] == '.' && char.IsAsciiDigit(source[end + 1]))
            {
                fraction = Digits(source, end + 1);
                isFloat = true;
            }

            int exponent = fraction + 1;
            if (fraction < source.Length && source[fraction] is 'e' or 'E')
            {
                exponent += exponent < source.Length && source[exponent] is '+' or '-' ? 1 : 0;
                if (exponent < source.Length && char.IsAsciiDigit(source[exponent]))
                {
                    fraction = Digits(source, exponent);
                    isFloat = true;
                }
            }
        }

        if (isFloat)
        {
            string text = source[start..fraction];
            double value = double.Parse(text.Replace("_", ""), NumberStyles.Float, CultureInfo.InvariantCulture);
            token = new Token(TokenKind.Float, text, at, Float: value);
            return fraction;
        }

        return Integer(source, start, end, at, out token);
    }

    static int Integer(string source, int start, int end, Position at, out Token token)
    {
        int radix = source[start] != '0' || start + 1 >= source.Length ? 10 : (source[start + 1] | 0x20) switch
        {
            'b' => 2,
            'o' => 8,
            'x' => 16,
            _ => 10,
        };
        int from = start;
        if (radix != 10)
        {
            from = start + 2;
            end = from;
            while (end < source.Length && (DigitOf(source[end]) < radix
                || (source[end] == '_' && end + 1 < source.Length && DigitOf(source[end + 1]) < radix)))
            {
                end++;
            }

            if (end == from)
            {
                throw TemplateException.Syntax($"'{source[start..from]}' is not a number", at);
            }
        }

        long value = 0;
        for (int i = from; i < end; i++)
        {
            if (source[i] == '_')
            {
                continue;
            }

            int digit = DigitOf(source[i]);
            if (value > (long.MaxValue - digit) / radix)
            {
                throw TemplateException.Unsupported("an integer beyond 64 bits", at);
            }

            value = value * radix + digit;
        }

        token = new Token(TokenKind.Integer, source[start..end], at, Integer: value);
        return end;
    }

    /// <summary>The value of a hexadecimal digit, or more than any radix.</summary>
    internal static int DigitOf(char c) =>
        !char.IsAsciiHexDigit(c) ? int.MaxValue : c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;

    /// <summary>Steps over digits and the single underscores between them.</summary>
    static int Digits(string source, int at)
    {
        while (at < source.Length
            && (char.IsAsciiDigit(source[at])
                || (source[at] == '_' && at + 1 < source.Length && char.IsAsciiDigit(source[at + 1]))))
        {
            at++;
        }

        return at;
    }
}
