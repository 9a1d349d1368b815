using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>Sums of products stay in integers over a block of 32; its float scales end it.</summary>
internal readonly unsafe struct SmallBlockProduct<TBlock, TDot> : IGroupProduct
    where TBlock : struct, ISmallBlock
    where TDot : struct, IDotInstructions
{
    public static ActivationEncoding Encoding => ActivationEncoding.Q8_32;

    public static int BlocksPerGroup => 8;

    public static int UnpackedBytes => UnpackedSmallBlocks<TBlock>.Bytes;

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vector256<float> Add(Vector256<float> sums, byte** rows, byte* activations)
    {
        var products = stackalloc Vector256<int>[IGroupProduct.Rows * 8];
        for (var r = 0; r < IGroupProduct.Rows; r++)
        {
            Multiply<TBlock>(rows[r], activations, products + r);
        }

        return AddScaled(sums, rows, products, activations);
    }

    public static void Unpack(byte* group, byte* unpacked) => UnpackedSmallBlocks<TBlock>.Unpack<TDot>(group, unpacked);

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vector256<float> AddUnpacked(Vector256<float> sums, byte** rows, byte* unpacked, byte* activations)
    {
        var products = stackalloc Vector256<int>[IGroupProduct.Rows * 8];
        for (var r = 0; r < IGroupProduct.Rows; r++)
        {
            Multiply<UnpackedSmallBlocks<TBlock>>(unpacked + r * UnpackedBytes, activations, products + r);
        }

        return AddScaled(sums, rows, products, activations);
    }

    /// <summary>A row's products: those of its block b go to vector 8 b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Multiply<TSource>(byte* group, byte* activations, Vector256<int>* products)
        where TSource : struct, ISmallBlock
    {
        products[0] = Dot<TSource>(group, 0, activations);
        products[8] = Dot<TSource>(group, 1, activations);
        products[16] = Dot<TSource>(group, 2, activations);
        products[24] = Dot<TSource>(group, 3, activations);
        products[32] = Dot<TSource>(group, 4, activations);
        products[40] = Dot<TSource>(group, 5, activations);
        products[48] = Dot<TSource>(group, 6, activations);
        products[56] = Dot<TSource>(group, 7, activations);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Dot<TSource>(byte* group, int index, byte* activations)
        where TSource : struct, ISmallBlock
    {
        var quants = TSource.Quants<TDot>(group, index).AsSByte();
        var values = Vector256.Load((sbyte*)activations + index * 32);
        return TBlock.IsSigned ? TDot.DotSigned(quants, values) : TDot.Dot(quants, values);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> AddScaled(Vector256<float> sums, byte** rows, Vector256<int>* products, byte* activations)
    {
        for (var block = 0; block < 8; block++)
        {
            var scales = TBlock.FloatScales(rows, block);
            var scale = ((float*)(activations + Activations.ScalesOffset))[block];
            var total = ((float*)(activations + Activations.SumsOffset))[block];
            var product = Vector256.ConvertToSingle(RowSums.Of<TDot>(products + block * 8));
            if (TBlock.Minimum == MinimumKind.Offset)
            {
                // Exact: integers far below 2^24.
                product = Vector256.MultiplyAddEstimate(Vector256.Create(total), Vector256.Create((float)-TBlock.Offset), product);
            }

            if (TBlock.Minimum == MinimumKind.Scaled)
            {
                sums = Vector256.MultiplyAddEstimate(scales.Minimum, Vector256.Create(scale * total), sums);
            }

            sums = Vector256.MultiplyAddEstimate(product, scales.Scale * Vector256.Create(scale), sums);
        }

        return sums;
    }
}
