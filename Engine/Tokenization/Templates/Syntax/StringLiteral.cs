using System.Text;

namespace NvStream.Tokenization.Templates;

/// <summary>Escapes of string literals, as Python has them: an unknown escape stands for itself, backslash included.</summary>
static class StringLiteral
{
    public static string Unescape(string raw, Position at)
    {
        int escape = raw.IndexOf('\\');
        if (escape < 0)
        {
            return raw;
        }

        var text = new StringBuilder(raw.Length);
        int i = 0;
        while (escape >= 0 && escape + 1 < raw.Length)
        {
            text.Append(raw, i, escape - i);
            char c = raw[escape + 1];
            i = escape + 2;
            switch (c)
            {
                case '\n': break;
                case '\\' or '\'' or '"': text.Append(c); break;
                case 'a': text.Append('\a'); break;
                case 'b': text.Append('\b'); break;
                case 'f': text.Append('\f'); break;
                case 'n': text.Append('\n'); break;
                case 'r': text.Append('\r'); break;
                case 't': text.Append('\t'); break;
                case 'v': text.Append('\v'); break;
                case 'x': i = Hex(raw, i, 2, text, at); break;
                case 'u': i = Hex(raw, i, 4, text, at); break;
                case 'U': i = Hex(raw, i, 8, text, at); break;
                case >= '0' and <= '7': i = Octal(raw, escape + 1, text); break;
                case 'N': throw TemplateException.Unsupported("the string escape '\\N'", at);
                default: text.Append('\\').Append(c); break;
            }

            escape = i < raw.Length ? raw.IndexOf('\\', i) : -1;
        }

        return text.Append(raw, i, raw.Length - i).ToString();
    }

    static int Hex(string raw, int start, int digits, StringBuilder text, Position at)
    {
        uint value = 0;
        for (int i = start; i < start + digits; i++)
        {
            if (i >= raw.Length || !char.IsAsciiHexDigit(raw[i]))
            {
                throw TemplateException.Syntax($"a string escape '\\{raw[start - 1]}' needs {digits} hexadecimal digits", at);
            }

            value = (value << 4) | (uint)NumberLiteral.DigitOf(raw[i]);
        }

        if (value > 0x10FFFF)
        {
            throw TemplateException.Syntax("a string escape is beyond U+10FFFF", at);
        }

        PythonText.AppendCodePoint(text, (int)value);
        return start + digits;
    }

    static int Octal(string raw, int start, StringBuilder text)
    {
        int value = 0;
        int i = start;
        while (i < raw.Length && i < start + 3 && raw[i] is >= '0' and <= '7')
        {
            value = value * 8 + raw[i++] - '0';
        }

        text.Append((char)value);
        return i;
    }
}
