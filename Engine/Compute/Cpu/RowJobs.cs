namespace NvStream.Compute.Cpu;

/// <summary>How element-wise jobs number their items: runs of elements, whatever rows they belong to.</summary>
internal static class Run
{
    public const int Elements = 1024;

    public static int Of(long count) => checked((int)((count + Elements - 1) / Elements));
}

internal unsafe struct RmsNormJob<TWidth, TVector> : IParallelJob
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    public float* X;
    public float* Gain;
    public float* Y;
    public int Columns;
    public float Epsilon;

    public readonly void Execute(int begin, int end, int worker)
    {
        for (var row = begin; row < end; row++)
        {
            var offset = (long)row * Columns;
            RowKernels<TWidth, TVector>.RmsNorm(X + offset, Gain, Epsilon, Y + offset, Columns);
        }
    }
}

internal unsafe struct RopeJob<TWidth, TVector> : IParallelJob
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    public float* X;
    public float* Table;
    public int* Positions;
    public int Columns;
    public int HeadDim;
    public int Dimensions;
    public RopeLayout Layout;

    public readonly void Execute(int begin, int end, int worker)
    {
        for (var row = begin; row < end; row++)
        {
            if (Positions[row] == RopeAngles.NotCovered)
            {
                continue;
            }

            var cosines = Table + (2L * row * Dimensions);
            for (var column = 0; column < Columns; column += HeadDim)
            {
                RowKernels<TWidth, TVector>.Rotate(
                    X + ((long)row * Columns) + column, cosines, cosines + Dimensions, Dimensions, Layout);
            }
        }
    }
}

/// <summary>Items are the sequences' rows, counted through.</summary>
internal unsafe struct StoreKvJob<TWidth, TVector> : IParallelJob
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    public float* K;
    public float* V;
    public KvLayer Cache;
    public SequenceSpan* Sequences;

    public readonly void Execute(int begin, int end, int worker)
    {
        var (s, firstItem) = (0, 0);
        for (var item = begin; item < end; item++)
        {
            while (item - firstItem >= Sequences[s].RowCount)
            {
                firstItem += Sequences[s++].RowCount;
            }

            StoreRow(Sequences[s], item - firstItem);
        }
    }

    readonly void StoreRow(SequenceSpan sequence, int i)
    {
        var keys = (ushort*)Cache.Keys;
        var values = (ushort*)Cache.Values;
        var source = (long)(sequence.FirstRow + i) * Cache.Heads * Cache.HeadDim;
        var cell = sequence.KvStart + sequence.FirstPosition + i;
        for (var head = 0; head < Cache.Heads; head++, source += Cache.HeadDim)
        {
            var destination = (((long)head * Cache.Tokens) + cell) * Cache.HeadDim;
            RowKernels<TWidth, TVector>.ToHalf(K + source, keys + destination, Cache.HeadDim);
            RowKernels<TWidth, TVector>.ToHalf(V + source, values + destination, Cache.HeadDim);
        }
    }
}

internal unsafe struct SwiGluJob<TWidth, TVector> : IParallelJob
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    public float* Gate;
    public float* Up;
    public float* Y;
    public long Count;

    public readonly void Execute(int begin, int end, int worker)
    {
        var first = (long)begin * Run.Elements;
        var count = Math.Min((long)end * Run.Elements, Count) - first;
        RowKernels<TWidth, TVector>.SwiGlu(Gate + first, Up + first, Y + first, count);
    }
}

internal unsafe struct AddJob<TWidth, TVector> : IParallelJob
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    public float* X;
    public float* Delta;
    public long Count;

    public readonly void Execute(int begin, int end, int worker)
    {
        var first = (long)begin * Run.Elements;
        var count = Math.Min((long)end * Run.Elements, Count) - first;
        RowKernels<TWidth, TVector>.Add(X + first, Delta + first, count);
    }
}

internal unsafe struct AddBiasJob<TWidth, TVector> : IParallelJob
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    public float* Y;
    public float* Bias;
    public int Columns;

    public readonly void Execute(int begin, int end, int worker)
    {
        for (var row = begin; row < end; row++)
        {
            RowKernels<TWidth, TVector>.Add(Y + ((long)row * Columns), Bias, Columns);
        }
    }
}
