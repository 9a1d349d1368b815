using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>A group is eight blocks of 32: sums of products stay in integers over each.</summary>
internal readonly unsafe struct SmallBlockProduct<TBlock, TDot> : IRowProduct
    where TBlock : struct, IWeightBlock, ISmallBlock
    where TDot : struct, IDotInstructions
{
    const int Blocks = 8;

    public static ActivationEncoding Encoding => ActivationEncoding.Q8_32;

    public static int BlocksPerGroup => Blocks;

    public static int PreparedBytes => IsHalved ? IRowProduct.ChunkGroups * Activations.GroupElements : 0;

    /// <summary>
    /// Whether blocks i and i + 4 are multiplied together, half a vector each: their nibbles lie like this, and sums of such
    /// small products fit 16 bits until all blocks' are in one vector.
    /// </summary>
    static bool IsHalved
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TBlock.HasHalves && typeof(TDot) == typeof(Avx2Dot);
    }

    public static void Prepare(byte* activations, int groups, byte* prepared)
    {
        if (!IsHalved)
        {
            return;
        }

        for (var g = 0; g < groups; g++, activations += Activations.GroupBytes)
        {
            for (var block = 0; block < Blocks / 2; block++, prepared += 64)
            {
                var first = activations + block * 32;
                var second = first + Blocks / 2 * 32;
                Vector256.Create(Vector128.Load(first), Vector128.Load(second)).Store(prepared);
                Vector256.Create(Vector128.Load(first + 16), Vector128.Load(second + 16)).Store(prepared + 32);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vector256<float> Add(
        Vector256<float> sums, byte* chunk, int groups, byte* activations, byte* prepared, byte* scratch)
    {
        for (var g = 0; g < groups; g++)
        {
            Prefetch.Ahead(chunk, Blocks * TBlock.Bytes);
            var products = Vector256.ConvertToSingle(IsHalved ? MultiplyHalves(chunk, prepared) : Multiply(chunk, activations));
            var factors = Vector256.Load((float*)(activations + Activations.ScalesOffset));
            var totals = Vector256.Load((float*)(activations + Activations.SumsOffset));
            if (TBlock.Minimum == MinimumKind.Offset)
            {
                // Exact: integers far below 2^24.
                products = Vector256.MultiplyAddEstimate(totals, Vector256.Create((float)-TBlock.Offset), products);
            }

            if (TBlock.Minimum == MinimumKind.Scaled)
            {
                sums = Vector256.MultiplyAddEstimate(factors * totals, RowScales.Load(chunk + sizeof(short), TBlock.Bytes), sums);
            }

            sums = Vector256.MultiplyAddEstimate(products, RowScales.Load(chunk, TBlock.Bytes) * factors, sums);
            chunk += Blocks * TBlock.Bytes;
            activations += Activations.GroupBytes;
            prepared += Activations.GroupElements;
        }

        return sums;
    }

    /// <summary>The blocks' sums of products, a lane each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Multiply(byte* group, byte* activations)
    {
        var values = (sbyte*)activations;
        return RowSums.Of<TDot>(
            Dot(TBlock.Quants<TDot>(group, 0), values), Dot(TBlock.Quants<TDot>(group, 1), values + 32),
            Dot(TBlock.Quants<TDot>(group, 2), values + 64), Dot(TBlock.Quants<TDot>(group, 3), values + 96),
            Dot(TBlock.Quants<TDot>(group, 4), values + 128), Dot(TBlock.Quants<TDot>(group, 5), values + 160),
            Dot(TBlock.Quants<TDot>(group, 6), values + 192), Dot(TBlock.Quants<TDot>(group, 7), values + 224));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Dot(Vector256<byte> quants, sbyte* values) =>
        TBlock.IsSigned ? TDot.DotSigned(quants.AsSByte(), values) : TDot.Dot(quants.AsSByte(), values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> MultiplyHalves(byte* group, byte* prepared)
    {
        var early = AddNeighbours(Pair(group, 0, prepared), Pair(group, 1, prepared));
        var late = AddNeighbours(Pair(group, 2, prepared), Pair(group, 3, prepared));
        var x = Avx2.MultiplyAddAdjacent(early, Vector256<short>.One).AsInt64();
        var y = Avx2.MultiplyAddAdjacent(late, Vector256<short>.One).AsInt64();
        return Avx2.UnpackLow(x, y).AsInt32() + Avx2.UnpackHigh(x, y).AsInt32();
    }

    // Half the lanes of two vectors beside each other: at most 8 * 31 * 127.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<short> AddNeighbours(Vector256<short> x, Vector256<short> y) =>
        Avx2.UnpackLow(x.AsInt32(), y.AsInt32()).AsInt16() + Avx2.UnpackHigh(x.AsInt32(), y.AsInt32()).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<short> Pair(byte* group, int index, byte* prepared)
    {
        TBlock.Halves(group, index, out var low, out var high);
        return Avx2.MultiplyAddAdjacent(low, Vector256.Load((sbyte*)prepared + index * 64))
            + Avx2.MultiplyAddAdjacent(high, Vector256.Load((sbyte*)prepared + index * 64 + 32));
    }
}
