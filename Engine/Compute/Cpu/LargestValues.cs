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
}
