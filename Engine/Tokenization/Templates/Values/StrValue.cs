using System.Text;

namespace NvStream.Tokenization.Templates;

/// <summary>
/// A string: UTF-16 here, code points to templates. Length, index and slice count code points; the offsets of a text
/// that has surrogates are worked out once, so that this is paid for with the making of the string. A surrogate without its partner counts as one.
/// </summary>
sealed class StrValue(string text) : Value
{
    public static readonly StrValue Empty = new("");

    /// <summary>UTF-16 offset of each code point; null until needed and where every code point is one unit.</summary>
    int[]? _offsets;

    bool _isMeasured;

    public string Text { get; } = text;

    public override string TypeName => "str";

    public override bool IsTrue => Text.Length > 0;

    public override int? Length
    {
        get
        {
            Measure();
            return _offsets?.Length ?? Text.Length;
        }
    }

    public override IEnumerable<Value>? Items
    {
        get
        {
            int length = Length!.Value;
            for (int i = 0; i < length; i++)
            {
                yield return At(i);
            }
        }
    }

    public override Value? GetItem(Run run, Value key)
    {
        if (!Numbers.TryInteger(key, out long index))
        {
            return null;
        }

        int length = Length!.Value;
        index += index < 0 ? length : 0;
        return index >= 0 && index < length ? At((int)index) : null;
    }

    public override Value? GetAttribute(Run run, string name) => BoundMethod.Find(StringMethods.Table, this, name);

    /// <summary>The code points at <paramref name="start"/>, start + step, ... (<paramref name="count"/> of them).</summary>
    public string Slice(int start, int step, int count)
    {
        Measure();
        if (_offsets is null && step == 1)
        {
            return Text.Substring(start, count);
        }

        var slice = new StringBuilder(count);
        for (long i = start, end = start + (long)count * step; i != end; i += step)
        {
            slice.Append(Unit((int)i));
        }

        return slice.ToString();
    }

    StrValue At(int index) => new(Unit(index).ToString());

    ReadOnlySpan<char> Unit(int index)
    {
        if (_offsets is null)
        {
            return Text.AsSpan(index, 1);
        }

        int end = index + 1 < _offsets.Length ? _offsets[index + 1] : Text.Length;
        return Text.AsSpan(_offsets[index], end - _offsets[index]);
    }

    void Measure()
    {
        if (_isMeasured)
        {
            return;
        }

        _isMeasured = true;
        if (Text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            return;
        }

        var offsets = new List<int>(Text.Length);
        for (int i = 0; i < Text.Length; i++)
        {
            offsets.Add(i);
            i += char.IsSurrogatePair(Text, i) ? 1 : 0;
        }

        _offsets = offsets.Count == Text.Length ? null : [.. offsets];
    }
}
