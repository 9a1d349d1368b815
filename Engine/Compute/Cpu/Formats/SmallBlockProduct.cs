using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// The eight blocks' sums of products are added up exactly, in integers, to one vector, a lane a block; then one
/// multiplication by both sides' scales adds them all to the result, and one more the minima by the activations' sums.
/// </summary>
internal readonly unsafe struct SmallBlockProduct<TBlock, TDot> : IGroupProduct
    where TBlock : struct, ISmallBlock
    where TDot : struct, IDotInstructions
{
    public static ActivationEncoding Encoding => ActivationEncoding.Q8_32;

    public static int BlocksPerGroup => 8;

    public static int UnpackedBytes => UnpackedSmallBlocks<TBlock>.Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> sum, byte* group, byte* activations) =>
        Add<TBlock>(sum, group, activations);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddTile(
        Vector256<float>* sums, int count, byte* group, byte* activations, long activationStride, byte* unpacked)
    {
        UnpackedSmallBlocks<TBlock>.Unpack<TDot>(group, unpacked);
        for (var i = 0; i < count; i++)
        {
            sums[i] = Add<UnpackedSmallBlocks<TBlock>>(sums[i], unpacked, activations);
            activations += activationStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> Add<TSource>(Vector256<float> sum, byte* group, byte* activations)
        where TSource : struct, ISmallBlock
    {
        // Lanes of each half: parts of blocks 0, 1, 2, 3, and 4, 5, 6, 7.
        var first = TDot.SumEach(
            Dot<TSource>(group, 0, activations), Dot<TSource>(group, 1, activations),
            Dot<TSource>(group, 2, activations), Dot<TSource>(group, 3, activations));
        var second = TDot.SumEach(
            Dot<TSource>(group, 4, activations), Dot<TSource>(group, 5, activations),
            Dot<TSource>(group, 6, activations), Dot<TSource>(group, 7, activations));
        var products = Vector256.Create(first.GetLower(), second.GetLower())
            + Vector256.Create(first.GetUpper(), second.GetUpper());

        var scales = TSource.Scales(group);
        if (TSource.HasMinimum)
        {
            sum = Vector256.MultiplyAddEstimate(
                scales.Minima, Vector256.Load((float*)(activations + Activations.SumsOffset)), sum);
        }

        var scale = scales.Scales * Vector256.Load((float*)(activations + Activations.ScalesOffset));
        return Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(products), scale, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Dot<TSource>(byte* group, int index, byte* activations)
        where TSource : struct, ISmallBlock
    {
        var quants = TSource.Quants<TDot>(group, index).AsSByte();
        return TSource.IsSigned
            ? TDot.DotSigned(quants, Vector256.Load((sbyte*)activations + index * 32))
            : TDot.Dot(quants, Vector256.Load((sbyte*)activations + index * 32));
    }
}
