using System.Collections;
using System.Text;

namespace NvStream.Gguf;

/// <summary>
/// An array of strings as one block of UTF-8 and offsets into it: a vocabulary of 128k tokens is two objects instead
/// of 128k. Strings are decoded when asked for; bytes that are not UTF-8 become U+FFFD.
/// </summary>
public sealed class GgufStringArray : IReadOnlyList<string>
{
    readonly byte[] _utf8;
    readonly int[] _offsets;

    /// <param name="utf8">All strings back to back.</param>
    /// <param name="offsets">Where each string begins, and last where the last one ends.</param>
    internal GgufStringArray(byte[] utf8, int[] offsets)
    {
        _utf8 = utf8;
        _offsets = offsets;
    }

    public GgufStringArray(IReadOnlyCollection<string> strings)
    {
        _offsets = new int[strings.Count + 1];
        var total = 0;
        foreach (var text in strings)
        {
            total = checked(total + Encoding.UTF8.GetByteCount(text));
        }

        _utf8 = new byte[total];
        var index = 0;
        foreach (var text in strings)
        {
            var start = _offsets[index];
            _offsets[++index] = start + Encoding.UTF8.GetBytes(text, _utf8.AsSpan(start));
        }
    }

    public int Count => _offsets.Length - 1;

    /// <summary>Decodes the string anew at each call.</summary>
    public string this[int index] => Encoding.UTF8.GetString(Utf8(index));

    /// <summary>The string's bytes as they are in the file, valid UTF-8 or not.</summary>
    public ReadOnlySpan<byte> Utf8(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return _utf8.AsSpan(_offsets[index].._offsets[index + 1]);
    }

    public IEnumerator<string> GetEnumerator()
    {
        for (var i = 0; i < Count; i++)
        {
            yield return this[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
