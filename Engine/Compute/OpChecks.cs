using NvStream.Compute.Cpu;
using NvStream.Gguf;

namespace NvStream.Compute;

/// <summary>
/// The shapes that each operation requires. A violation is a programming error of the caller, and memory is behind bare
/// addresses: better an <see cref="ArgumentException"/> than a stray write.
/// </summary>
internal static class OpChecks
{
    public static void Embed(ReadOnlySpan<byte> rows, TensorType type, Matrix x, IComputeDevice device)
    {
        Require(type, x.Columns, device);
        var expected = x.Rows * TensorTypes.BytesOf(type, x.Columns);
        if (rows.Length != expected)
        {
            throw new ArgumentException($"{rows.Length} bytes of rows; {x.Rows} rows of {x.Columns} {type} are {expected}.", nameof(rows));
        }
    }

    public static void RmsNorm(Matrix x, Weight gain, Matrix y)
    {
        SameShape(x, y, nameof(y));
        Vector(gain, x.Columns, nameof(gain));
    }

    public static void AddBias(Matrix y, Weight bias) => Vector(bias, y.Columns, nameof(bias));

    public static void MatMul(Matrix x, ReadOnlySpan<Projection> projections, int decodeRows, IComputeDevice device)
    {
        if (decodeRows < 0 || decodeRows > x.Rows)
        {
            throw new ArgumentOutOfRangeException(nameof(decodeRows), decodeRows, $"X has {x.Rows} rows.");
        }

        const int most = 256;
        if (projections.Length > most)
        {
            throw new ArgumentException($"{projections.Length} projections in one product; at most {most}.", nameof(projections));
        }

        foreach (var (weight, y) in projections)
        {
            Require(weight.Type, x.Columns, device);
            if (weight.Columns != x.Columns || y.Columns != weight.Rows || y.Rows != x.Rows)
            {
                throw new ArgumentException(
                    $"X is {x.Rows} x {x.Columns}, W {weight.Rows} x {weight.Columns}, Y {y.Rows} x {y.Columns}: Y = X * W^T does not fit.",
                    nameof(projections));
            }
        }
    }

    public static void Rope(Matrix x, int headDim, in RopeTable rope, ReadOnlySpan<SequenceSpan> sequences)
    {
        if (headDim < 1 || x.Columns % headDim != 0 || headDim > AttentionLayout.MaxHeadDim)
        {
            throw new ArgumentException(
                $"Heads of {headDim} elements in rows of {x.Columns}; at most {AttentionLayout.MaxHeadDim} and a whole number of heads.",
                nameof(headDim));
        }

        if (rope.Dimensions < 2 || rope.Dimensions % 2 != 0 || rope.Dimensions > headDim)
        {
            throw new ArgumentException($"{rope.Dimensions} rotated dimensions in a head of {headDim}; an even number is expected.", nameof(rope));
        }

        Rows(x, sequences);
    }

    public static void StoreKv(Matrix k, Matrix v, in KvLayer cache, ReadOnlySpan<SequenceSpan> sequences)
    {
        SameShape(k, v, nameof(v));
        if (k.Columns != cache.Heads * cache.HeadDim)
        {
            throw new ArgumentException($"Rows of {k.Columns}; the cache has {cache.Heads} heads of {cache.HeadDim}.", nameof(k));
        }

        Rows(k, sequences);
        Cells(cache, sequences);
    }

    public static void Attention(Matrix q, in KvLayer cache, ReadOnlySpan<SequenceSpan> sequences, Matrix y)
    {
        SameShape(q, y, nameof(y));
        var keys = cache.Heads * cache.HeadDim;
        if (keys < 1 || q.Columns < 1 || q.Columns % keys != 0 || cache.HeadDim > AttentionLayout.MaxHeadDim)
        {
            throw new ArgumentException(
                $"Rows of {q.Columns}; a multiple of {cache.Heads} heads of {cache.HeadDim} (at most {AttentionLayout.MaxHeadDim}) is expected.",
                nameof(q));
        }

        Rows(q, sequences);
        Cells(cache, sequences);
    }

    public static void GatherRows(Matrix x, ReadOnlySpan<int> rows, Matrix y)
    {
        if (y.Rows != rows.Length || y.Columns != x.Columns)
        {
            throw new ArgumentException($"{rows.Length} rows of {x.Columns} do not fit Y, {y.Rows} x {y.Columns}.", nameof(y));
        }

        foreach (var row in rows)
        {
            if ((uint)row >= (uint)x.Rows)
            {
                throw new ArgumentOutOfRangeException(nameof(rows), row, $"X has {x.Rows} rows.");
            }
        }
    }

    public static void TopK(Matrix x, int columns, int k, ReadOnlySpan<int> ids, ReadOnlySpan<float> values)
    {
        if (columns < 1 || columns > x.Columns || k < 1 || k > Math.Min(columns, IComputeDevice.MaxTopK)
            || ids.Length != x.Rows * k || values.Length != ids.Length)
        {
            throw new ArgumentException(
                $"The {k} largest of {columns} columns into {ids.Length} and {values.Length} places; X is {x.Rows} x {x.Columns}, "
                + $"k at most {IComputeDevice.MaxTopK}.",
                nameof(k));
        }
    }

    public static void SameShape(Matrix expected, Matrix seen, string name)
    {
        if (seen.Rows != expected.Rows || seen.Columns != expected.Columns)
        {
            throw new ArgumentException($"{seen.Rows} x {seen.Columns} where {expected.Rows} x {expected.Columns} is expected.", name);
        }
    }

    static void Require(TensorType type, int columns, IComputeDevice device)
    {
        if (!device.Supports(type))
        {
            throw new ArgumentException($"The {device.Info.Kind} device does not compute with {type}.", nameof(type));
        }

        var elements = TensorTypes.Block(type).Elements;
        if (columns % elements != 0)
        {
            throw new ArgumentException($"Rows of {columns} elements are no whole number of {type} blocks of {elements}.", nameof(columns));
        }
    }

    static void Vector(Weight vector, int columns, string name)
    {
        if (vector.Type != TensorType.F32 || vector.Columns != columns || vector.Rows != 1 || !vector.IsPresent)
        {
            throw new ArgumentException(
                $"{vector.Rows} x {vector.Columns} of {vector.Type} where one F32 row of {columns} is expected.", name);
        }
    }

    static void Rows(Matrix matrix, ReadOnlySpan<SequenceSpan> sequences)
    {
        foreach (var sequence in sequences)
        {
            if (sequence.FirstRow < 0 || sequence.RowCount < 0 || sequence.FirstPosition < 0
                || sequence.FirstRow > matrix.Rows - sequence.RowCount)
            {
                throw new ArgumentException($"{sequence} lies outside the pass of {matrix.Rows} rows.", nameof(sequences));
            }
        }
    }

    static void Cells(in KvLayer cache, ReadOnlySpan<SequenceSpan> sequences)
    {
        foreach (var sequence in sequences)
        {
            if (sequence.KvStart < 0 || (long)sequence.KvStart + sequence.FirstPosition + sequence.RowCount > cache.Tokens)
            {
                throw new ArgumentException($"{sequence} lies outside the KV pool of {cache.Tokens} cells.", nameof(sequences));
            }
        }
    }
}
