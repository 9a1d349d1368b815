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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> sum, byte* group, byte* activations) =>
        Add<TBlock>(sum, group, activations);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddTile(
        Vector256<float>* sums, int count, byte* group, byte* activations, long activationStride, byte* unpacked)
    {
        if (count == 4)
        {
            Add4<TBlock>(sums, group, activations, activationStride);
            return;
        }

        UnpackedSuperBlock<TBlock>.Unpack<TDot>(group, unpacked);
        for (; count >= 4; count -= 4)
        {
            Add4<UnpackedSuperBlock<TBlock>>(sums, unpacked, activations, activationStride);
            sums += 4;
            activations += 4 * activationStride;
        }

        for (; count > 0; count--)
        {
            AddOne<UnpackedSuperBlock<TBlock>>(sums, unpacked, activations);
            sums++;
            activations += activationStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> Add<TSource>(Vector256<float> sum, byte* group, byte* activations)
        where TSource : struct, ISuperBlock
    {
        var scales = TSource.Scales(group);
        var even = OffsetProduct(in scales, activations);
        var odd = Vector256<int>.Zero;
        even = AddProduct<TSource>(even, group, 0, activations, in scales);
        odd = AddProduct<TSource>(odd, group, 1, activations, in scales);
        even = AddProduct<TSource>(even, group, 2, activations, in scales);
        odd = AddProduct<TSource>(odd, group, 3, activations, in scales);
        even = AddProduct<TSource>(even, group, 4, activations, in scales);
        odd = AddProduct<TSource>(odd, group, 5, activations, in scales);
        even = AddProduct<TSource>(even, group, 6, activations, in scales);
        odd = AddProduct<TSource>(odd, group, 7, activations, in scales);
        return AddScaled(sum, even + odd, in scales, activations);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void AddOne<TSource>(Vector256<float>* sum, byte* group, byte* activations)
        where TSource : struct, ISuperBlock => *sum = Add<TSource>(*sum, group, activations);

    // Its own method, like AddOne: the inliner would run out of budget and leave calls inside.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Add4<TSource>(Vector256<float>* sums, byte* group, byte* activations, long activationStride)
        where TSource : struct, ISuperBlock
    {
        var scales = TSource.Scales(group);
        var a0 = activations;
        var a1 = a0 + activationStride;
        var a2 = a1 + activationStride;
        var a3 = a2 + activationStride;
        var sum0 = OffsetProduct(in scales, a0);
        var sum1 = OffsetProduct(in scales, a1);
        var sum2 = OffsetProduct(in scales, a2);
        var sum3 = OffsetProduct(in scales, a3);
        AddProducts<TSource>(ref sum0, ref sum1, ref sum2, ref sum3, group, 0, a0, a1, a2, a3, in scales);
        AddProducts<TSource>(ref sum0, ref sum1, ref sum2, ref sum3, group, 1, a0, a1, a2, a3, in scales);
        AddProducts<TSource>(ref sum0, ref sum1, ref sum2, ref sum3, group, 2, a0, a1, a2, a3, in scales);
        AddProducts<TSource>(ref sum0, ref sum1, ref sum2, ref sum3, group, 3, a0, a1, a2, a3, in scales);
        AddProducts<TSource>(ref sum0, ref sum1, ref sum2, ref sum3, group, 4, a0, a1, a2, a3, in scales);
        AddProducts<TSource>(ref sum0, ref sum1, ref sum2, ref sum3, group, 5, a0, a1, a2, a3, in scales);
        AddProducts<TSource>(ref sum0, ref sum1, ref sum2, ref sum3, group, 6, a0, a1, a2, a3, in scales);
        AddProducts<TSource>(ref sum0, ref sum1, ref sum2, ref sum3, group, 7, a0, a1, a2, a3, in scales);
        sums[0] = AddScaled(sums[0], sum0, in scales, a0);
        sums[1] = AddScaled(sums[1], sum1, in scales, a1);
        sums[2] = AddScaled(sums[2], sum2, in scales, a2);
        sums[3] = AddScaled(sums[3], sum3, in scales, a3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> AddProduct<TSource>(
        Vector256<int> sum, byte* group, int part, byte* activations, in SuperBlockScales scales)
        where TSource : struct, ISuperBlock => AddProduct(
        sum, TSource.Quants<TDot>(group, part).AsSByte(), Values(activations, part), Spread(scales.Scales, part));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddProducts<TSource>(
        ref Vector256<int> sum0, ref Vector256<int> sum1, ref Vector256<int> sum2, ref Vector256<int> sum3,
        byte* group, int part, byte* a0, byte* a1, byte* a2, byte* a3, in SuperBlockScales scales)
        where TSource : struct, ISuperBlock
    {
        var quants = TSource.Quants<TDot>(group, part).AsSByte();
        var spread = Spread(scales.Scales, part);
        sum0 = AddProduct(sum0, quants, Values(a0, part), spread);
        sum1 = AddProduct(sum1, quants, Values(a1, part), spread);
        sum2 = AddProduct(sum2, quants, Values(a2, part), spread);
        sum3 = AddProduct(sum3, quants, Values(a3, part), spread);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> AddProduct(
        Vector256<int> sum, Vector256<sbyte> quants, Vector256<sbyte> values, Vector256<short> scales) => TBlock.IsSigned
        ? TDot.AddScaledDotSigned(sum, quants, values, scales)
        : TDot.AddScaledDot(sum, quants, values, scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<sbyte> Values(byte* activations, int part) => Vector256.Load((sbyte*)activations + part * 32);

    // Eight times the scale of group 2 * part, eight times that of group 2 * part + 1.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<short> Spread(Vector256<short> scales, int part) =>
        TDot.Shuffle(scales.AsByte(), Vector256.Create((short)(0x0100 + part * 0x0202)).AsByte()).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> MinimumProduct(in SuperBlockScales scales, byte* activations) =>
        TDot.DotPairs(scales.Minima, Vector256.Load((short*)(activations + Activations.SumsOffset)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> OffsetProduct(in SuperBlockScales scales, byte* activations) =>
        TBlock.Minimum == MinimumKind.Offset ? MinimumProduct(in scales, activations) : Vector256<int>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> AddScaled(
        Vector256<float> sum, Vector256<int> product, in SuperBlockScales scales, byte* activations)
    {
        var scale = *(float*)(activations + Activations.ScalesOffset);
        if (TBlock.Minimum == MinimumKind.Scaled)
        {
            sum = Vector256.MultiplyAddEstimate(
                Vector256.ConvertToSingle(MinimumProduct(in scales, activations)),
                Vector256.Create(scales.MinimumScale * scale), sum);
        }

        return Vector256.MultiplyAddEstimate(
            Vector256.ConvertToSingle(product), Vector256.Create(scales.Scale * scale), sum);
    }
}
