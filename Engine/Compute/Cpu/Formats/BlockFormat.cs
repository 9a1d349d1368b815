using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// The loops of a product of quantized weights. With few activation rows, weights are multiplied as they are, row after row
/// as they lie in memory; with many, the groups of some rows are packed to panels which all activation rows of a tile share.
/// </summary>
internal sealed unsafe class BlockFormat<TBlock, TProduct, TPanel>() : WeightFormat(TBlock.Type, TProduct.Encoding)
    where TBlock : struct, IWeightBlock
    where TProduct : struct, IRowProduct
    where TPanel : struct, IPanelProduct
{
    /// <summary>Activation rows from which packing pays.</summary>
    const int PanelActivations = 3;

    /// <summary>Activations of a tile: they stay in the second cache level while panels pass by.</summary>
    const int TileBytes = 256 << 10;

    const int TileRows = 64;

    const int Alignment = 64;

    static int GroupBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TProduct.BlocksPerGroup * TBlock.Bytes;
    }

    static int ChunkBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IRowProduct.ChunkGroups * GroupBytes;
    }

    public override void Multiply(
        byte* rows, long rowBytes, int rowCount, int columns,
        byte* activations, long activationStride, int activationRows, float* y, int yStride)
    {
        var shape = new Shape(rowBytes, columns);
        if (TPanel.Rows > 0 && activationRows >= PanelActivations)
        {
            MultiplyPacked(rows, rowCount, in shape, activations, activationStride, activationRows, y, yStride);
            return;
        }

        for (var a = 0; a < activationRows; a++)
        {
            MultiplyRows(rows, rowCount, in shape, activations + a * activationStride, y + (long)a * yStride);
        }
    }

    [SkipLocalsInit]
    static void MultiplyRows(byte* rows, int rowCount, in Shape shape, byte* activations, float* y)
    {
        // Rows of some ten thousand weights fit; what a file claims may not.
        const int stackBytes = 64 << 10;
        var onStack = stackalloc byte[stackBytes + Alignment];
        var bytes = (long)shape.Chunks * TProduct.PreparedBytes;
        var allocated = bytes <= stackBytes ? null : (byte*)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
        try
        {
            var prepared = allocated == null ? (byte*)Align((nint)onStack) : allocated;
            for (var c = 0; c < shape.Chunks; c++)
            {
                TProduct.Prepare(
                    activations + c * IRowProduct.ChunkGroups * Activations.GroupBytes, shape.GroupsOf(c),
                    prepared + c * TProduct.PreparedBytes);
            }

            MultiplyRows(rows, rowCount, in shape, activations, prepared, y);
        }
        finally
        {
            NativeMemory.AlignedFree(allocated);
        }
    }

    protected override void Dequantize(byte* blocks, int count, float* values)
    {
        for (var i = 0; i < count; i++)
        {
            TBlock.Dequantize(blocks + (long)i * BlockBytes, values + (long)i * BlockElements);
        }
    }

    /// <summary>One activation row.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void MultiplyRows(byte* rows, int rowCount, in Shape shape, byte* activations, byte* prepared, float* y)
    {
        const int chunkActivations = IRowProduct.ChunkGroups * Activations.GroupBytes;
        var chunks = shape.Chunks;
        var memory = stackalloc byte[Alignment + Align(ChunkBytes) + IRowProduct.ScratchBytes];
        var padded = (byte*)Align((nint)memory);
        var scratch = padded + Align(ChunkBytes);
        var end = rows + (rowCount - 1) * shape.RowBytes + (long)shape.WholeGroups * GroupBytes;
        for (var r = 0; r < rowCount; r++)
        {
            var sums = Vector256<float>.Zero;
            var chunk = rows;
            var values = activations;
            var extra = prepared;
            for (var c = 0; c < chunks; c++)
            {
                var source = shape.IsWhole(c) || chunk + ChunkBytes <= end && shape.TailBytes == 0 ? chunk : shape.Pad(chunk, c, padded);
                sums = TProduct.Add(sums, source, shape.GroupsOf(c), values, extra, scratch);
                chunk += ChunkBytes;
                values += chunkActivations;
                extra += TProduct.PreparedBytes;
            }

            y[r] = RowSums.Of(sums);
            rows += shape.RowBytes;
        }
    }

    /// <summary>Many activation rows: a tile of them with all weight rows, then the next tile.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void MultiplyPacked(
        byte* rows, int rowCount, in Shape shape, byte* activations, long activationStride, int activationRows, float* y, int yStride)
    {
        const int unpackedBytes = 8 * UnpackedSuperBlock.Bytes;
        var tails = TPanel.Rows * GroupBytes;
        var memory = stackalloc byte[Alignment + unpackedBytes + TPanel.Bytes + Align(tails) + TileRows * TPanel.ActivationSums * sizeof(float)];
        var unpacked = (byte*)Align((nint)memory);
        var panel = unpacked + unpackedBytes;
        var padded = panel + TPanel.Bytes;
        var sums = (float*)(padded + Align(tails));
        var groupRows = stackalloc byte*[TPanel.Rows];
        var tile = (int)Math.Clamp(TileBytes / activationStride / 8 * 8, 8, TileRows);
        for (var firstActivation = 0; firstActivation < activationRows; firstActivation += tile)
        {
            var count = Math.Min(activationRows - firstActivation, tile);
            for (var first = 0; first < rowCount; first += TPanel.Rows)
            {
                // The last row stands in for those that a panel lacks.
                var here = Math.Min(TPanel.Rows, rowCount - first);
                new Span<float>(sums, count * TPanel.ActivationSums).Clear();
                for (var r = 0; r < TPanel.Rows; r++)
                {
                    groupRows[r] = rows + (first + Math.Min(r, here - 1)) * shape.RowBytes;
                }

                var next = rows + (first + TPanel.Rows) * shape.RowBytes;
                for (var g = 0; g < shape.Groups; g++)
                {
                    for (var r = 0; g == shape.WholeGroups && r < TPanel.Rows; r++)
                    {
                        groupRows[r] = Shape.Pad(groupRows[r], shape.TailBytes, GroupBytes, padded + r * GroupBytes);
                    }

                    if (firstActivation == 0)
                    {
                        // The next panels' weights, in the order in which they lie.
                        Prefetch.Lines(next, TPanel.Rows * GroupBytes);
                        next += TPanel.Rows * GroupBytes;
                    }

                    TPanel.Pack(groupRows, panel, unpacked);
                    AddTile(sums, panel, g, activations + g * Activations.GroupBytes, activationStride, count);
                    for (var r = 0; r < TPanel.Rows; r++)
                    {
                        groupRows[r] += GroupBytes;
                    }
                }

                for (var a = 0; a < count; a++)
                {
                    var results = sums + a * TPanel.ActivationSums;
                    TPanel.Finish(results);
                    new ReadOnlySpan<float>(results, here).CopyTo(new Span<float>(y + (long)a * yStride + first, here));
                }
            }

            activations += tile * activationStride;
            y += (long)tile * yStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void AddTile(float* sums, byte* panel, int group, byte* activations, long activationStride, int count)
    {
        for (; count >= 4; count -= 4)
        {
            TPanel.Add4(sums, panel, group, activations, activationStride);
            sums += 4 * TPanel.ActivationSums;
            activations += 4 * activationStride;
        }

        for (; count > 0; count--)
        {
            TPanel.Add1(sums, panel, group, activations);
            sums += TPanel.ActivationSums;
            activations += activationStride;
        }
    }

    static int Align(int bytes) => (bytes + Alignment - 1) & -Alignment;

    static nint Align(nint address) => (address + Alignment - 1) & -Alignment;

    /// <summary>A row's groups; of the last there may be a part only.</summary>
    readonly struct Shape(long rowBytes, int columns)
    {
        public readonly long RowBytes = rowBytes;
        public readonly int WholeGroups = columns / Activations.GroupElements;
        public readonly int TailBytes = columns % Activations.GroupElements / TensorElements * TBlock.Bytes;

        public readonly int Groups => WholeGroups + (TailBytes > 0 ? 1 : 0);

        public readonly int Chunks => (Groups + IRowProduct.ChunkGroups - 1) / IRowProduct.ChunkGroups;

        static int TensorElements => Activations.GroupElements / TProduct.BlocksPerGroup;

        public readonly int GroupsOf(int chunk) => Math.Min(IRowProduct.ChunkGroups, Groups - chunk * IRowProduct.ChunkGroups);

        public readonly bool IsWhole(int chunk) => (chunk + 1) * IRowProduct.ChunkGroups <= WholeGroups;

        public readonly byte* Pad(byte* source, int chunk, byte* padded) => Pad(
            source, (WholeGroups - chunk * IRowProduct.ChunkGroups) * GroupBytes + TailBytes, ChunkBytes, padded);

        /// <summary>A copy of a row's last bytes with blocks of zeros after them: nothing is read past the row.</summary>
        public static byte* Pad(byte* source, int bytes, int length, byte* padded)
        {
            new ReadOnlySpan<byte>(source, bytes).CopyTo(new Span<byte>(padded, bytes));
            new Span<byte>(padded + bytes, length - bytes).Clear();
            return padded;
        }
    }
}
