using System.Buffers;
using System.Text;

namespace NvStream.Tokenization.PreTokenization;

/// <summary>A text as code points with their kinds: what scanners read. Positions count code points.</summary>
readonly ref struct CodePoints(ReadOnlySpan<int> values, ReadOnlySpan<CharKind> kinds)
{
    readonly ReadOnlySpan<int> _values = values;
    readonly ReadOnlySpan<CharKind> _kinds = kinds;

    public int Length => _values.Length;

    public int this[int position] => _values[position];

    public bool Is(int position, CharKind kinds) => (_kinds[position] & kinds) != 0;

    public bool Is(int position, CharSet set) => set.Contains(_values[position], _kinds[position]);

    public bool IsNewline(int position) => _values[position] is '\r' or '\n';

    /// <summary>The first position from <paramref name="start"/> on that is none of these kinds, or the end.</summary>
    public int EndOfRun(int start, int end, CharKind kinds)
    {
        while (start < end && (_kinds[start] & kinds) != 0)
        {
            start++;
        }

        return start;
    }

    public int EndOfNewlines(int start, int end)
    {
        while (start < end && IsNewline(start))
        {
            start++;
        }

        return start;
    }

    /// <summary>Bytes of UTF-8 from one position to another.</summary>
    public int Utf8Length(int start, int end)
    {
        var bytes = 0;
        foreach (var value in _values[start..end])
        {
            bytes += value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
        }

        return bytes;
    }

    /// <summary>Decodes valid UTF-8 into spans of at least as many elements as it has bytes; the number of code points.</summary>
    public static int Decode(ReadOnlySpan<byte> utf8, Span<int> values, Span<CharKind> kinds)
    {
        var count = 0;
        while (!utf8.IsEmpty)
        {
            int value = utf8[0];
            var consumed = 1;
            if (value >= 0x80)
            {
                var status = Rune.DecodeFromUtf8(utf8, out var rune, out consumed);
                System.Diagnostics.Debug.Assert(status == OperationStatus.Done, "callers encode from UTF-16");
                value = rune.Value;
            }

            values[count] = value;
            kinds[count++] = CharKinds.Of(value);
            utf8 = utf8[consumed..];
        }

        return count;
    }
}
