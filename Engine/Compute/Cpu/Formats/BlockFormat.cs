using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// The loops of a product of quantized weights: a row's groups in order, each with every activation row of the tile.
/// </summary>
internal sealed unsafe class BlockFormat<TBlock, TProduct>() : WeightFormat(TBlock.Type, TProduct.Encoding)
    where TBlock : struct, IWeightBlock
    where TProduct : struct, IGroupProduct
{
    const int Alignment = 32;
    const int SumsBytes = TileRows * 32;

    static int GroupBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TProduct.BlocksPerGroup * TBlock.Bytes;
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Multiply(
        byte* rows, long rowBytes, int rowCount, int columns,
        byte* activations, long activationStride, int activationRows, float* y, int yStride)
    {
        var memory = stackalloc byte[Alignment + SumsBytes + TProduct.UnpackedBytes + GroupBytes];
        var sums = (byte*)(((nint)memory + Alignment - 1) & -Alignment);
        var unpacked = sums + SumsBytes;
        var shape = new RowShape
        {
            WholeGroups = columns / Activations.GroupElements,
            TailBytes = columns % Activations.GroupElements / BlockElements * BlockBytes,
            Tail = unpacked + TProduct.UnpackedBytes,
            Unpacked = unpacked,
            Sums = (Vector256<float>*)sums,
        };

        for (var first = 0; first < activationRows; first += TileRows)
        {
            var count = Math.Min(activationRows - first, TileRows);
            var tile = activations + first * activationStride;
            var results = y + (long)first * yStride;
            for (var r = 0; r < rowCount; r++)
            {
                var row = rows + r * rowBytes;
                if (shape.TailBytes > 0)
                {
                    PadTail(row, in shape);
                }

                if (count == 1)
                {
                    results[r] = MultiplyRow(row, in shape, tile);
                }
                else
                {
                    MultiplyRow(row, in shape, tile, activationStride, count, results + r, yStride);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static float MultiplyRow(byte* row, in RowShape shape, byte* activations)
    {
        var sum = Vector256<float>.Zero;
        var groups = shape.Groups;
        for (var g = 0; g < groups; g++)
        {
            var group = shape.Group(row, g);
            Prefetch.Ahead(group, GroupBytes);
            sum = TProduct.Add(sum, group, activations);
            activations += Activations.GroupBytes;
        }

        return Vector256.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void MultiplyRow(
        byte* row, in RowShape shape, byte* activations, long activationStride, int count, float* y, int yStride)
    {
        var sums = shape.Sums;
        Clear(sums, count);
        var unpacked = shape.Unpacked;
        var groups = shape.Groups;
        for (var g = 0; g < groups; g++)
        {
            var group = shape.Group(row, g);
            Prefetch.Ahead(group, GroupBytes);
            TProduct.AddTile(sums, count, group, activations, activationStride, unpacked);
            activations += Activations.GroupBytes;
        }

        Store(sums, count, y, yStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Clear(Vector256<float>* sums, int count)
    {
        for (var i = 0; i < count; i++)
        {
            sums[i] = Vector256<float>.Zero;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store(Vector256<float>* sums, int count, float* y, int yStride)
    {
        for (var i = 0; i < count; i++)
        {
            y[(long)i * yStride] = Vector256.Sum(sums[i]);
        }
    }

    // A row's last blocks, fewer than a group, with blocks of zeros after them: nothing is read past the row.
    static void PadTail(byte* row, in RowShape shape)
    {
        var blocks = new ReadOnlySpan<byte>(row + (long)shape.WholeGroups * GroupBytes, shape.TailBytes);
        blocks.CopyTo(new Span<byte>(shape.Tail, shape.TailBytes));
        new Span<byte>(shape.Tail + shape.TailBytes, GroupBytes - shape.TailBytes).Clear();
    }

    /// <summary>A row as groups, the last of which may be a padded copy, and the call's scratch.</summary>
    struct RowShape
    {
        public int WholeGroups;
        public int TailBytes;
        public byte* Tail;
        public byte* Unpacked;
        public Vector256<float>* Sums;

        public readonly int Groups => WholeGroups + (TailBytes > 0 ? 1 : 0);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly byte* Group(byte* row, int index) =>
            index < WholeGroups ? row + (long)index * GroupBytes : Tail;
    }
}
