using System.Text;

namespace NvStream.Tokenization.Templates;

/// <summary>
/// Upper, lower, title and capital case: the simple mapping of single code points, and <c>ß</c>. Python's full mapping
/// differs for some hundred more: ligatures, letters with marks of their own, digraphs in title case.
/// </summary>
static class TextCase
{
    public static string Upper(string text) => text.ToUpperInvariant().Replace("ß", "SS");

    public static string Lower(string text) => text.ToLowerInvariant();

    public static string Capitalize(string text)
    {
        int first = text.Length > 1 && char.IsSurrogatePair(text, 0) ? 2 : Math.Min(1, text.Length);
        return (text.StartsWith('ß') ? "Ss" : text[..first].ToUpperInvariant()) + Lower(text[first..]);
    }

    /// <summary><c>str.title</c>: a letter after anything but a letter is upper case, all others lower.</summary>
    public static string TitleWords(string text) => Words(text, static before => !IsCased(before));

    /// <summary>The filter <c>title</c>: only after white space and <c>- ( { [ &lt;</c> does a word begin.</summary>
    public static string TitleFilter(string text) =>
        Words(text, static before => before.Value is '-' or '(' or '{' or '[' or '<' || Rune.IsWhiteSpace(before));

    /// <summary>Whether a text has letters of the case asked for and none of the other.</summary>
    public static bool IsAll(string text, bool upper)
    {
        bool any = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (upper ? Rune.IsLower(rune) : Rune.IsUpper(rune))
            {
                return false;
            }

            any |= IsCased(rune);
        }

        return any;
    }

    static bool IsCased(Rune rune) => Rune.IsUpper(rune) || Rune.IsLower(rune);

    /// <param name="begins">Whether a word begins after a character.</param>
    static string Words(string text, Func<Rune, bool> begins)
    {
        var words = new StringBuilder(text.Length);
        Span<char> units = stackalloc char[2];
        var before = new Rune(' ');
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool isFirst = begins(before);
            if (isFirst && rune.Value == 'ß')
            {
                words.Append("Ss");
            }
            else
            {
                Rune mapped = isFirst ? Rune.ToUpperInvariant(rune) : Rune.ToLowerInvariant(rune);
                words.Append(units[..mapped.EncodeToUtf16(units)]);
            }

            before = rune;
        }

        return words.ToString();
    }
}
