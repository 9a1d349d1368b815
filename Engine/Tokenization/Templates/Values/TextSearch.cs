namespace NvStream.Tokenization.Templates;

/// <summary>
/// Finds a needle in linear time whatever both look like: short needles with the vectorized search, long ones with
/// Knuth, Morris and Pratt's, for the search of .NET takes the product of both lengths on texts made for it.
/// </summary>
sealed class TextSearch
{
    const int Short = 32;

    readonly string _needle;

    /// <summary>Of each prefix of the needle, the length of its longest border; null for short needles.</summary>
    readonly int[]? _borders;

    public TextSearch(string needle)
    {
        _needle = needle;
        if (needle.Length <= Short)
        {
            return;
        }

        _borders = new int[needle.Length];
        for (int i = 1, matched = 0; i < needle.Length; i++)
        {
            while (matched > 0 && needle[i] != needle[matched])
            {
                matched = _borders[matched - 1];
            }

            matched += needle[i] == needle[matched] ? 1 : 0;
            _borders[i] = matched;
        }
    }

    /// <summary>Offset of the first occurrence at or after <paramref name="from"/>; -1 if there is none.</summary>
    public int Find(string text, int from)
    {
        if (_borders is null)
        {
            return text.IndexOf(_needle, from, StringComparison.Ordinal);
        }

        for (int i = from, matched = 0; i < text.Length; i++)
        {
            while (matched > 0 && text[i] != _needle[matched])
            {
                matched = _borders[matched - 1];
            }

            if (text[i] == _needle[matched] && ++matched == _needle.Length)
            {
                return i + 1 - matched;
            }
        }

        return -1;
    }

    /// <summary>Offsets of the occurrences that do not overlap, from the left.</summary>
    public List<int> FindAll(string text, long most = long.MaxValue)
    {
        var offsets = new List<int>();
        for (int at = 0; offsets.Count < most && (at = Find(text, at)) >= 0; at += _needle.Length)
        {
            offsets.Add(at);
        }

        return offsets;
    }

    /// <summary>Offsets of the occurrences that do not overlap, taken from the right, in ascending order.</summary>
    public static List<int> FindAllFromRight(string text, string needle, long most)
    {
        static string Reversed(string text) => string.Create(text.Length, text, static (span, text) =>
        {
            text.CopyTo(span);
            span.Reverse();
        });

        var offsets = new TextSearch(Reversed(needle)).FindAll(Reversed(text), most);
        offsets.Reverse();
        return offsets.ConvertAll(offset => text.Length - offset - needle.Length);
    }
}
