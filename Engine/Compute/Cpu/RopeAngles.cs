namespace NvStream.Compute.Cpu;

/// <summary>
/// Cosines and sines of a pass's rows. All layers of a pass, and queries and keys of each, rotate by the same angles:
/// they are computed when positions or frequencies differ from those of the last call, compared by value.
/// </summary>
internal sealed unsafe class RopeAngles(float* table, float* frequencies, int* positions, int maxRows)
{
    /// <summary>The position of a row that no sequence covers: it is not rotated.</summary>
    public const int NotCovered = -1;

    int rows = -1;
    int dimensions;
    float magnitude;
    RopeLayout layout;

    /// <summary>Floats of the tables of this many rows, cosines and sines of a head each.</summary>
    public static long TableFloats(int rows, int headDim) => 2L * rows * headDim;

    /// <summary>The rows' positions.</summary>
    public int* Positions => positions;

    /// <summary>A row's cosines, one an element, then its sines with the sign that the element's partner takes.</summary>
    public float* Row(int row) => table + (2L * row * dimensions);

    /// <summary>Brings the table up to date.</summary>
    /// <param name="rowCount">At most the scratch's rows; <paramref name="sequences"/> lie inside.</param>
    public void Update(int rowCount, in RopeTable rope, ReadOnlySpan<SequenceSpan> sequences, CpuWorkers workers)
    {
        var wanted = new Span<int>(positions + maxRows, rowCount);
        wanted.Fill(NotCovered);
        foreach (var sequence in sequences)
        {
            for (var i = 0; i < sequence.RowCount; i++)
            {
                wanted[sequence.FirstRow + i] = sequence.FirstPosition + i;
            }
        }

        var known = new Span<int>(positions, rowCount);
        var source = new ReadOnlySpan<float>((float*)rope.Frequencies, rope.Dimensions / 2);
        var used = new Span<float>(frequencies, rope.Dimensions / 2);
        if (rows == rowCount && dimensions == rope.Dimensions && magnitude == rope.Magnitude && layout == rope.Layout
            && known.SequenceEqual(wanted) && source.SequenceEqual(used))
        {
            return;
        }

        (rows, dimensions, magnitude, layout) = (rowCount, rope.Dimensions, rope.Magnitude, rope.Layout);
        wanted.CopyTo(known);
        source.CopyTo(used);
        var job = new Job
        {
            Table = table,
            Frequencies = frequencies,
            Positions = positions,
            Dimensions = dimensions,
            Magnitude = magnitude,
            Layout = layout,
        };
        workers.RunTimed(rowCount, dimensions * 15.0, ref job);
    }

    struct Job : IParallelJob
    {
        public float* Table;
        public float* Frequencies;
        public int* Positions;
        public int Dimensions;
        public float Magnitude;
        public RopeLayout Layout;

        public readonly void Execute(int begin, int end, int worker)
        {
            var half = Dimensions / 2;
            for (var row = begin; row < end; row++)
            {
                if (Positions[row] == NotCovered)
                {
                    continue;
                }

                var cosines = Table + (2L * row * Dimensions);
                var sines = cosines + Dimensions;
                for (var pair = 0; pair < half; pair++)
                {
                    // In double: at position 100,000 a float angle would be off by a hundredth of a radian.
                    var (sine, cosine) = Math.SinCos((double)Positions[row] * Frequencies[pair]);
                    var (first, second) = Layout == RopeLayout.Interleaved ? (2 * pair, (2 * pair) + 1) : (pair, pair + half);
                    cosines[first] = cosines[second] = (float)cosine * Magnitude;
                    sines[second] = (float)sine * Magnitude;
                    sines[first] = -sines[second];
                }
            }
        }
    }
}
