using System.Globalization;
using System.Text;

namespace NvStream.Tokenization.Templates;

/// <summary>Python's notions of space, printable, quoting and order of text, where .NET's differ.</summary>
static class PythonText
{
    /// <summary><c>str.isspace</c>: .NET's white space and the separators U+001C to U+001F.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    /// <summary>A line break of <c>str.splitlines</c>; <c>\r\n</c> is one.</summary>
    public static bool IsLineBreak(char c) =>
        c is >= '\n' and <= '\r' or >= '\x1c' and <= '\x1e' or '\x85' or '\u2028' or '\u2029';

    /// <param name="characters">The code points to strip; null for white space.</param>
    public static string Strip(string text, string? characters, bool left, bool right)
    {
        int start = 0;
        int end = text.Length;
        HashSet<int>? set = characters?.EnumerateRunes().Select(rune => rune.Value).ToHashSet();
        while (left && start < end && IsStripped(set, text, start, out int width))
        {
            start += width;
        }

        while (right && end > start)
        {
            int last = end - 1 > start && char.IsSurrogatePair(text, end - 2) ? end - 2 : end - 1;
            if (!IsStripped(set, text, last, out _))
            {
                break;
            }

            end = last;
        }

        return text[start..end];
    }

    static bool IsStripped(HashSet<int>? set, string text, int at, out int width)
    {
        bool isPair = at + 1 < text.Length && char.IsSurrogatePair(text, at);
        width = isPair ? 2 : 1;
        return set is null ? IsSpace(text[at]) : set.Contains(isPair ? char.ConvertToUtf32(text, at) : text[at]);
    }

    public static void AppendCodePoint(StringBuilder text, int codePoint)
    {
        if (codePoint > 0xFFFF)
        {
            text.Append(char.ConvertFromUtf32(codePoint));
        }
        else
        {
            text.Append((char)codePoint);
        }
    }

    /// <summary>Order by code points; UTF-16 units would put U+E000 to U+FFFF after the astral planes.</summary>
    public static int Compare(string a, string b)
    {
        int common = a.AsSpan().CommonPrefixLength(b);
        if (common == a.Length || common == b.Length)
        {
            return a.Length.CompareTo(b.Length);
        }

        char x = a[common];
        char y = b[common];
        bool isAstral = char.IsSurrogate(x);
        return isAstral == char.IsSurrogate(y) ? x.CompareTo(y) : isAstral ? 1 : -1;
    }

    /// <summary><c>repr()</c> of a string.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length + 2);
        AppendQuoted(quoted, text);
        return quoted.ToString();
    }

    public static void AppendQuoted(StringBuilder output, string text)
    {
        char quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        output.Append(quote);
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == quote || c == '\\')
            {
                output.Append('\\').Append(c);
            }
            else if (c is >= ' ' and <= '~')
            {
                output.Append(c);
            }
            else if (c is '\n' or '\r' or '\t')
            {
                output.Append(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
            }
            else
            {
                int code = char.IsSurrogatePair(text, i) ? char.ConvertToUtf32(text, i++) : c;
                if (IsPrintable(code))
                {
                    AppendCodePoint(output, code);
                }
                else
                {
                    output.Append(code < 0x100 ? $"\\x{code:x2}" : code < 0x10000 ? $"\\u{code:x4}" : $"\\U{code:x8}");
                }
            }
        }

        output.Append(quote);
    }

    static bool IsPrintable(int code) => CharUnicodeInfo.GetUnicodeCategory(code) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.SpaceSeparator);
}
