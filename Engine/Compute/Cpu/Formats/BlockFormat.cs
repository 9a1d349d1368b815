using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// The loops of a product of quantized weights. With few activation rows, eight weight rows at a time are multiplied as they
/// are; with many, their groups are packed to panels which all activation rows of a tile share.
/// </summary>
internal sealed unsafe class BlockFormat<TBlock, TProduct, TPanel>() : WeightFormat(TBlock.Type, TProduct.Encoding)
    where TBlock : struct, IWeightBlock
    where TProduct : struct, IGroupProduct
    where TPanel : struct, IPanelProduct
{
    /// <summary>Activation rows from which packing pays.</summary>
    const int PanelActivations = 4;

    /// <summary>Activations of a tile: they stay in the second cache level while panels pass by.</summary>
    const int TileBytes = 256 << 10;

    const int TileRows = 128;

    static int GroupBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TProduct.BlocksPerGroup * TBlock.Bytes;
    }

    /// <summary>Scratch bytes of a call: padded tails, unpacked groups, a panel and the tile's sums.</summary>
    static int ScratchBytes =>
        Align(Rows * GroupBytes) + IGroupProduct.Rows * TProduct.UnpackedBytes + TPanel.Bytes + TileRows * Rows * sizeof(float);

    static int Rows => Math.Max(IGroupProduct.Rows, TPanel.Rows);

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Multiply(
        byte* rows, long rowBytes, int rowCount, int columns,
        byte* activations, long activationStride, int activationRows, float* y, int yStride)
    {
        const int alignment = 64;
        var memory = stackalloc byte[alignment + ScratchBytes];
        var scratch = (byte*)(((nint)memory + alignment - 1) & -alignment);
        var pointers = stackalloc byte*[Rows];
        var block = new RowBlock
        {
            WholeGroups = columns / Activations.GroupElements,
            TailBytes = columns % Activations.GroupElements / BlockElements * BlockBytes,
            Rows = pointers,
            Tails = scratch,
            Unpacked = scratch + Align(Rows * GroupBytes),
        };
        var panel = block.Unpacked + IGroupProduct.Rows * TProduct.UnpackedBytes;
        var sums = (float*)(panel + TPanel.Bytes);
        var isPacked = TPanel.Rows > 0 && activationRows >= PanelActivations;
        var unit = isPacked ? TPanel.Rows : IGroupProduct.Rows;
        var tile = (int)Math.Clamp(TileBytes / activationStride / 8 * 8, 8, TileRows);
        for (var first = 0; first < activationRows; first += tile)
        {
            var count = Math.Min(activationRows - first, tile);
            for (var r = 0; r < rowCount; r += unit)
            {
                var here = Math.Min(unit, rowCount - r);
                block.Begin(rows + r * rowBytes, rowBytes, here, unit);
                if (activationRows == 1)
                {
                    MultiplyOne(ref block, activations, sums, rowBytes);
                }
                else if (isPacked)
                {
                    MultiplyPacked(ref block, activations, activationStride, count, panel, sums);
                }
                else
                {
                    MultiplyUnpacked(ref block, activations, activationStride, count, sums);
                }

                Store(sums, unit, count, y + r, yStride, here);
            }

            activations += tile * activationStride;
            y += (long)tile * yStride;
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
    static void MultiplyOne(ref RowBlock block, byte* activations, float* sums, long rowBytes)
    {
        // The next eight rows lie behind these: their bytes are asked for in the order in which they lie.
        var next = block.Rows[0] + IGroupProduct.Rows * rowBytes;
        var sum = Vector256<float>.Zero;
        for (var g = 0; g < block.Groups; g++)
        {
            Prefetch.Lines(next, IGroupProduct.Rows * GroupBytes);
            next += IGroupProduct.Rows * GroupBytes;
            sum = TProduct.Add(sum, block.Rows, activations);
            block.Advance(g);
            activations += Activations.GroupBytes;
        }

        sum.Store(sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void MultiplyUnpacked(ref RowBlock block, byte* activations, long activationStride, int count, float* sums)
    {
        new Span<float>(sums, count * IGroupProduct.Rows).Clear();
        for (var g = 0; g < block.Groups; g++)
        {
            for (var r = 0; r < IGroupProduct.Rows; r++)
            {
                TProduct.Unpack(block.Rows[r], block.Unpacked + r * TProduct.UnpackedBytes);
            }

            for (var a = 0; a < count; a++)
            {
                var sum = (Vector256<float>*)sums + a;
                *sum = TProduct.AddUnpacked(*sum, block.Rows, block.Unpacked, activations + a * activationStride);
            }

            block.Advance(g);
            activations += Activations.GroupBytes;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void MultiplyPacked(
        ref RowBlock block, byte* activations, long activationStride, int count, byte* panel, float* sums)
    {
        new Span<float>(sums, count * TPanel.Rows).Clear();
        for (var g = 0; g < block.Groups; g++)
        {
            TPanel.Pack(block.Rows, panel, block.Unpacked);
            TPanel.Add(sums, panel, activations, activationStride, count);
            block.Advance(g);
            activations += Activations.GroupBytes;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Store(float* sums, int unit, int count, float* y, int yStride, int rows)
    {
        for (var a = 0; a < count; a++)
        {
            new ReadOnlySpan<float>(sums + a * unit, rows).CopyTo(new Span<float>(y + (long)a * yStride, rows));
        }
    }

    static int Align(int bytes) => (bytes + 63) & -64;

    /// <summary>Where some rows' groups lie, one group after the other; the last may be a padded copy.</summary>
    struct RowBlock
    {
        public int WholeGroups;
        public int TailBytes;
        public byte** Rows;
        public byte* Tails;
        public byte* Unpacked;

        public readonly int Groups => WholeGroups + (TailBytes > 0 ? 1 : 0);

        /// <summary>Begins with the first groups of <paramref name="count"/> rows; the last stands in for those that lack.</summary>
        public readonly void Begin(byte* first, long rowBytes, int count, int unit)
        {
            for (var r = 0; r < unit; r++)
            {
                Rows[r] = first + Math.Min(r, count - 1) * rowBytes;
            }

            if (TailBytes > 0)
            {
                PadTails(unit);
            }
        }

        /// <summary>On to the groups behind group <paramref name="index"/>.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Advance(int index)
        {
            if (index + 1 == WholeGroups && TailBytes > 0)
            {
                PointToTails();
                return;
            }

            for (var r = 0; r < BlockFormat<TBlock, TProduct, TPanel>.Rows; r++)
            {
                Rows[r] += GroupBytes;
            }
        }

        // A row's last blocks, fewer than a group, with blocks of zeros after them: nothing is read past the row.
        readonly void PadTails(int unit)
        {
            for (var r = 0; r < unit; r++)
            {
                var tail = Tails + r * GroupBytes;
                new ReadOnlySpan<byte>(Rows[r] + (long)WholeGroups * GroupBytes, TailBytes).CopyTo(new Span<byte>(tail, TailBytes));
                new Span<byte>(tail + TailBytes, GroupBytes - TailBytes).Clear();
            }

            if (WholeGroups == 0)
            {
                PointToTails();
            }
        }

        readonly void PointToTails()
        {
            for (var r = 0; r < BlockFormat<TBlock, TProduct, TPanel>.Rows; r++)
            {
                Rows[r] = Tails + r * GroupBytes;
            }
        }
    }
}
