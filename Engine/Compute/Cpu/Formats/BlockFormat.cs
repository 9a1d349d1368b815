using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// Products of groups of 256 quantized weights with groups of 256 encoded activations. A group is decoded once into
/// scratch that stays in the first-level cache, then multiplied with each activation row of the tile.
/// </summary>
internal unsafe interface IGroupProduct
{
    static abstract ActivationEncoding Encoding { get; }

    /// <summary>Bytes of a decoded group.</summary>
    static abstract int ScratchBytes { get; }

    /// <summary>Unpacks 256 weights into the 32-byte aligned <paramref name="scratch"/>.</summary>
    static abstract void Decode(byte* blocks, byte* scratch);

    /// <summary>Returns <paramref name="sum"/> with the group's products added; all eight lanes add up to the result.</summary>
    static abstract Vector256<float> Add(Vector256<float> sum, byte* scratch, byte* activations);

    /// <summary>The same for four activation rows.</summary>
    static abstract void Add4(Vector256<float>* sums, byte* scratch, byte* activations, long activationStride);
}

/// <summary>The loops of a product of quantized weights.</summary>
internal sealed unsafe class BlockFormat<TBlock, TProduct>() : WeightFormat(TBlock.Type, TProduct.Encoding)
    where TBlock : struct, IWeightBlock
    where TProduct : struct, IGroupProduct
{
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Multiply(
        byte* rows, long rowBytes, int rowCount, int columns,
        byte* activations, long activationStride, int activationRows, float* y, int yStride)
    {
        var memory = stackalloc byte[TProduct.ScratchBytes + 31];
        var scratch = (byte*)(((nint)memory + 31) & ~31);
        for (var first = 0; first < activationRows; first += TileRows)
        {
            var count = Math.Min(activationRows - first, TileRows);
            var tile = activations + first * activationStride;
            var results = y + (long)first * yStride;
            for (var r = 0; r < rowCount; r++)
            {
                if (count == 1)
                {
                    results[r] = MultiplyRow(rows + r * rowBytes, columns, tile, scratch);
                }
                else
                {
                    MultiplyRow(rows + r * rowBytes, columns, tile, activationStride, count, results + r, yStride, scratch);
                }
            }
        }
    }

    protected override void Dequantize(byte* blocks, int count, float* values)
    {
        for (var i = 0; i < count; i++)
        {
            TBlock.Dequantize(blocks + (long)i * BlockBytes, values + (long)i * BlockElements);
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    float MultiplyRow(byte* row, int columns, byte* activations, byte* scratch)
    {
        var groupBytes = Activations.GroupElements / BlockElements * BlockBytes;
        var sum = Vector256<float>.Zero;
        for (; columns >= Activations.GroupElements; columns -= Activations.GroupElements)
        {
            TProduct.Decode(row, scratch);
            sum = TProduct.Add(sum, scratch, activations);
            row += groupBytes;
            activations += Activations.GroupBytes;
        }

        if (columns > 0)
        {
            var padded = stackalloc byte[groupBytes];
            PadGroup(row, columns, padded, groupBytes);
            TProduct.Decode(padded, scratch);
            sum = TProduct.Add(sum, scratch, activations);
        }

        return Vector256.Sum(sum);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    void MultiplyRow(
        byte* row, int columns, byte* activations, long activationStride, int count, float* y, int yStride, byte* scratch)
    {
        var groupBytes = Activations.GroupElements / BlockElements * BlockBytes;
        var sums = stackalloc Vector256<float>[TileRows];
        for (var i = 0; i < count; i++)
        {
            sums[i] = Vector256<float>.Zero;
        }

        var padded = stackalloc byte[groupBytes];
        for (; columns > 0; columns -= Activations.GroupElements)
        {
            if (columns < Activations.GroupElements)
            {
                PadGroup(row, columns, padded, groupBytes);
                row = padded;
            }

            TProduct.Decode(row, scratch);
            var i = 0;
            for (; i + 4 <= count; i += 4)
            {
                TProduct.Add4(sums + i, scratch, activations + i * activationStride, activationStride);
            }

            for (; i < count; i++)
            {
                sums[i] = TProduct.Add(sums[i], scratch, activations + i * activationStride);
            }

            row += groupBytes;
            activations += Activations.GroupBytes;
        }

        for (var i = 0; i < count; i++)
        {
            y[(long)i * yStride] = Vector256.Sum(sums[i]);
        }
    }

    // A row's last blocks, fewer than a group, with blocks of zeros after them: decoding never reads past a row.
    void PadGroup(byte* row, int columns, byte* padded, int groupBytes)
    {
        var bytes = columns / BlockElements * BlockBytes;
        new ReadOnlySpan<byte>(row, bytes).CopyTo(new Span<byte>(padded, bytes));
        new Span<byte>(padded + bytes, groupBytes - bytes).Clear();
    }
}
