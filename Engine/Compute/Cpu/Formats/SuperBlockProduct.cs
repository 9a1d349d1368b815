using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// Sums of products stay in integers over a super-block, multiplied by the groups' scales; one multiplication by both
/// sides' float scales ends it.
/// </summary>
internal readonly unsafe struct SuperBlockProduct<TBlock, TDot> : IGroupProduct
    where TBlock : struct, ISuperBlock
    where TDot : struct, IDotInstructions
{
    public static ActivationEncoding Encoding => ActivationEncoding.Q8_256;

    public static int BlocksPerGroup => 1;

    public static int UnpackedBytes => UnpackedSuperBlock<TBlock>.Bytes;

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vector256<float> Add(Vector256<float> sums, byte** rows, byte* activations)
    {
        var products = stackalloc Vector256<int>[IGroupProduct.Rows];
        var minima = stackalloc Vector256<int>[IGroupProduct.Rows];
        for (var r = 0; r < IGroupProduct.Rows; r++)
        {
            Multiply<TBlock>(rows[r], activations, products + r, minima + r);
        }

        return AddScaled(sums, TBlock.FloatScales(rows), products, minima, activations);
    }

    public static void Unpack(byte* group, byte* unpacked) => UnpackedSuperBlock<TBlock>.Unpack<TDot>(group, unpacked);

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vector256<float> AddUnpacked(Vector256<float> sums, byte** rows, byte* unpacked, byte* activations)
    {
        var products = stackalloc Vector256<int>[IGroupProduct.Rows];
        var minima = stackalloc Vector256<int>[IGroupProduct.Rows];
        for (var r = 0; r < IGroupProduct.Rows; r++)
        {
            Multiply<UnpackedSuperBlock<TBlock>>(unpacked + r * UnpackedBytes, activations, products + r, minima + r);
        }

        return AddScaled(sums, TBlock.FloatScales(rows), products, minima, activations);
    }

    /// <summary>A row's products of quants, and of minima where they have a scale of their own; the lanes are parts of the sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Multiply<TSource>(byte* group, byte* activations, Vector256<int>* product, Vector256<int>* minimum)
        where TSource : struct, ISuperBlock
    {
        var scales = TSource.Scales(group);
        var even = TBlock.Minimum == MinimumKind.Offset ? MinimumProduct(in scales, activations) : Vector256<int>.Zero;
        var odd = Vector256<int>.Zero;
        even = AddProduct<TSource>(even, group, 0, activations, in scales);
        odd = AddProduct<TSource>(odd, group, 1, activations, in scales);
        even = AddProduct<TSource>(even, group, 2, activations, in scales);
        odd = AddProduct<TSource>(odd, group, 3, activations, in scales);
        even = AddProduct<TSource>(even, group, 4, activations, in scales);
        odd = AddProduct<TSource>(odd, group, 5, activations, in scales);
        even = AddProduct<TSource>(even, group, 6, activations, in scales);
        odd = AddProduct<TSource>(odd, group, 7, activations, in scales);
        *product = even + odd;
        if (TBlock.Minimum == MinimumKind.Scaled)
        {
            *minimum = MinimumProduct(in scales, activations);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> AddProduct<TSource>(
        Vector256<int> sum, byte* group, int part, byte* activations, in SuperBlockScales scales)
        where TSource : struct, ISuperBlock
    {
        var quants = TSource.Quants<TDot>(group, part).AsSByte();
        var values = Vector256.Load((sbyte*)activations + part * 32);
        var spread = Spread(scales.Scales, part);
        return TBlock.IsSigned
            ? TDot.AddScaledDotSigned(sum, quants, values, spread)
            : TDot.AddScaledDot(sum, quants, values, spread);
    }

    // Eight times the scale of group 2 * part, eight times that of group 2 * part + 1.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<short> Spread(Vector256<short> scales, int part) =>
        TDot.Shuffle(scales.AsByte(), Vector256.Create((short)(0x0100 + part * 0x0202)).AsByte()).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> MinimumProduct(in SuperBlockScales scales, byte* activations) =>
        TDot.DotPairs(scales.Minima, Vector256.Load((short*)(activations + Activations.SumsOffset)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> AddScaled(
        Vector256<float> sums, RowScales scales, Vector256<int>* products, Vector256<int>* minima, byte* activations)
    {
        var scale = Vector256.Create(*(float*)(activations + Activations.ScalesOffset));
        if (TBlock.Minimum == MinimumKind.Scaled)
        {
            sums = Vector256.MultiplyAddEstimate(
                Vector256.ConvertToSingle(RowSums.Of<TDot>(minima)), -scales.Minimum * scale, sums);
        }

        return Vector256.MultiplyAddEstimate(
            Vector256.ConvertToSingle(RowSums.Of<TDot>(products)), scales.Scale * scale, sums);
    }
}
