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
        if (count <= 2)
        {
            AddRows<TBlock>(sums, count, group, activations, activationStride);
            return;
        }

        UnpackedSmallBlocks<TBlock>.Unpack<TDot>(group, unpacked);
        AddRows<UnpackedSmallBlocks<TBlock>>(sums, count, unpacked, activations, activationStride);
    }

    // Two activation rows at a time, as many as share quants in registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void AddRows<TSource>(
        Vector256<float>* sums, int count, byte* group, byte* activations, long activationStride)
        where TSource : struct, ISmallBlock
    {
        for (; count >= 2; count -= 2)
        {
            var other = activations + activationStride;
            var (first0, first1) = Dot4<TSource>(group, 0, activations, other);
            var (second0, second1) = Dot4<TSource>(group, 4, activations, other);
            var scales = TSource.Scales(group);
            sums[0] = AddScaled<TSource>(sums[0], first0, second0, in scales, activations);
            sums[1] = AddScaled<TSource>(sums[1], first1, second1, in scales, other);
            sums += 2;
            activations = other + activationStride;
        }

        if (count > 0)
        {
            *sums = Add<TSource>(*sums, group, activations);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> Add<TSource>(Vector256<float> sum, byte* group, byte* activations)
        where TSource : struct, ISmallBlock
    {
        var first = Dot4<TSource>(group, 0, activations);
        var second = Dot4<TSource>(group, 4, activations);
        var scales = TSource.Scales(group);
        return AddScaled<TSource>(sum, first, second, in scales, activations);
    }

    // Lane i of each half: that half's part of block index + i.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Dot4<TSource>(byte* group, int index, byte* activations)
        where TSource : struct, ISmallBlock => TDot.SumEach(
        Dot<TSource>(TSource.Quants<TDot>(group, index), activations, index),
        Dot<TSource>(TSource.Quants<TDot>(group, index + 1), activations, index + 1),
        Dot<TSource>(TSource.Quants<TDot>(group, index + 2), activations, index + 2),
        Dot<TSource>(TSource.Quants<TDot>(group, index + 3), activations, index + 3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static (Vector256<int> First, Vector256<int> Second) Dot4<TSource>(
        byte* group, int index, byte* activations, byte* other)
        where TSource : struct, ISmallBlock
    {
        var q0 = TSource.Quants<TDot>(group, index);
        var q1 = TSource.Quants<TDot>(group, index + 1);
        var q2 = TSource.Quants<TDot>(group, index + 2);
        var q3 = TSource.Quants<TDot>(group, index + 3);
        var first = TDot.SumEach(
            Dot<TSource>(q0, activations, index), Dot<TSource>(q1, activations, index + 1),
            Dot<TSource>(q2, activations, index + 2), Dot<TSource>(q3, activations, index + 3));
        var second = TDot.SumEach(
            Dot<TSource>(q0, other, index), Dot<TSource>(q1, other, index + 1),
            Dot<TSource>(q2, other, index + 2), Dot<TSource>(q3, other, index + 3));
        return (first, second);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Dot<TSource>(Vector256<byte> quants, byte* activations, int index)
        where TSource : struct, ISmallBlock => TSource.IsSigned
        ? TDot.DotSigned(quants.AsSByte(), Vector256.Load((sbyte*)activations + index * 32))
        : TDot.Dot(quants.AsSByte(), Vector256.Load((sbyte*)activations + index * 32));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> AddScaled<TSource>(
        Vector256<float> sum, Vector256<int> first, Vector256<int> second, in SmallBlockScales scales, byte* activations)
        where TSource : struct, ISmallBlock
    {
        var products = Vector256.Create(first.GetLower(), second.GetLower())
            + Vector256.Create(first.GetUpper(), second.GetUpper());
        if (TSource.HasMinimum)
        {
            sum = Vector256.MultiplyAddEstimate(
                scales.Minima, Vector256.Load((float*)(activations + Activations.SumsOffset)), sum);
        }

        var scale = scales.Scales * Vector256.Load((float*)(activations + Activations.ScalesOffset));
        return Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(products), scale, sum);
    }
}
