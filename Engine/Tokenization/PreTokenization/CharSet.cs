namespace NvStream.Tokenization.PreTokenization;

/// <summary>
/// A bracket expression: kinds, and ranges of code points. White space beyond ASCII is in a set only by its kind, never
/// by a range that happens to cover it: the reference takes all of it for a vertical tab before it looks at ranges.
/// </summary>
sealed class CharSet
{
    readonly CharKind _kinds;
    readonly int[] _first;
    readonly int[] _last;

    public CharSet(CharKind kinds, params ReadOnlySpan<(int First, int Last)> ranges)
    {
        _kinds = kinds;
        _first = new int[ranges.Length];
        _last = new int[ranges.Length];
        for (var i = 0; i < ranges.Length; i++)
        {
            (_first[i], _last[i]) = ranges[i];
        }

        Array.Sort(_first, _last);
    }

    /// <summary>Ranges as they stand between brackets: single characters and first-last, nothing escaped.</summary>
    public static CharSet Parse(string ranges)
    {
        var runes = ranges.EnumerateRunes().ToArray();
        var parsed = new List<(int, int)>();
        for (var i = 0; i < runes.Length; i++)
        {
            var first = runes[i].Value;
            if (i + 2 < runes.Length && runes[i + 1].Value == '-')
            {
                i += 2;
            }

            ArgumentOutOfRangeException.ThrowIfGreaterThan(first, runes[i].Value, nameof(ranges));
            parsed.Add((first, runes[i].Value));
        }

        return new CharSet(CharKind.None, [.. parsed]);
    }

    public bool Contains(int codePoint, CharKind kind)
    {
        if ((kind & _kinds) != 0)
        {
            return true;
        }

        if (_first.Length == 0 || (kind == CharKind.Space && codePoint > 0x7F))
        {
            return false;
        }

        var index = Array.BinarySearch(_first, codePoint);
        index = index >= 0 ? index : ~index - 1;
        return index >= 0 && codePoint <= _last[index];
    }
}
