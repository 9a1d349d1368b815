using System.Numerics;

namespace NvStream.Compute.Cpu;

/// <summary>The k largest of a row, for the choice of the next token.</summary>
internal static unsafe class LargestValues
{
    /// <summary>Row by row, largest first, ties to the smaller column; NaN counts as the smallest.</summary>
    public static void Find(Matrix x, int columns, int k, Span<int> ids, Span<float> values)
    {
        for (var row = 0; row < x.Rows; row++)
        {
            var source = new ReadOnlySpan<float>((float*)x.Address + (long)row * x.Columns, columns);
            FindInRow(source, ids.Slice(row * k, k), values.Slice(row * k, k));
        }
    }

    /// <summary>Insertion into a short sorted list: after the first few hundred values almost none passes the first test.</summary>
    static void FindInRow(ReadOnlySpan<float> source, Span<int> ids, Span<float> values)
    {
        var k = ids.Length;
        var count = 0;
        for (var i = 0; i < source.Length; i++)
        {
            if (count == k)
            {
                i = NextLarger(source, i, values[k - 1]);
                if (i == source.Length)
                {
                    return;
                }
            }

            var value = float.IsNaN(source[i]) ? float.NegativeInfinity : source[i];
            if (count == k && !(value > values[k - 1]))
            {
                continue;
            }

            var at = count < k ? count++ : k - 1;
            for (; at > 0 && value > values[at - 1]; at--)
            {
                values[at] = values[at - 1];
                ids[at] = ids[at - 1];
            }

            values[at] = value;
            ids[at] = i;
        }
    }

    /// <summary>Index of the first value from <paramref name="start"/> on that is larger, or near before it; the length where there is none.</summary>
    static int NextLarger(ReadOnlySpan<float> source, int start, float least)
    {
        // A whole vector at a time: 512, 256 or 128 bits as the processor has them. NaN is larger than nothing.
        var bound = new Vector<float>(least);
        for (; start + Vector<float>.Count <= source.Length; start += Vector<float>.Count)
        {
            if (Vector.GreaterThanAny(new Vector<float>(source[start..]), bound))
            {
                return start;
            }
        }

        return start;
    }
}
