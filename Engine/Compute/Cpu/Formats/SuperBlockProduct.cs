using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>How a super-block's minima enter its product.</summary>
internal enum MinimumKind
{
    None,

    /// <summary>A constant offset of every quant: in units of the scale, so exact in integers.</summary>
    Offset,

    /// <summary>With a scale of their own.</summary>
    Scaled,
}

/// <summary>
/// A block of 256 weights in 16 groups of 16:
/// weight = Scale * scales[group] * quant + (Scale or MinimumScale) * minima[group].
/// </summary>
internal unsafe interface ISuperBlock : IWeightBlock
{
    static abstract MinimumKind Minimum { get; }

    static abstract void Decode<TDot>(byte* block, DecodedSuperBlock* decoded)
        where TDot : struct, IDotInstructions;
}

/// <summary>A super-block as its product wants it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct DecodedSuperBlock
{
    public fixed sbyte Quants[256];

    /// <summary>For each 32 quants: their first group's scale eight times, their second group's eight times.</summary>
    public fixed short Scales[128];

    /// <summary>Of the even groups, then of the odd ones: the order of the activations' sums.</summary>
    public fixed short Minima[16];

    public float Scale;

    public float MinimumScale;

    /// <summary>Stores <paramref name="scales"/>: eight of the even groups in the lower half, of the odd in the upper.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SpreadScales<TDot>(DecodedSuperBlock* decoded, Vector256<short> scales)
        where TDot : struct, IDotInstructions
    {
        var bytes = scales.AsByte();
        TDot.Shuffle(bytes, Vector256.Create((short)0x0100).AsByte()).AsInt16().Store(decoded->Scales);
        TDot.Shuffle(bytes, Vector256.Create((short)0x0302).AsByte()).AsInt16().Store(decoded->Scales + 16);
        TDot.Shuffle(bytes, Vector256.Create((short)0x0504).AsByte()).AsInt16().Store(decoded->Scales + 32);
        TDot.Shuffle(bytes, Vector256.Create((short)0x0706).AsByte()).AsInt16().Store(decoded->Scales + 48);
        TDot.Shuffle(bytes, Vector256.Create((short)0x0908).AsByte()).AsInt16().Store(decoded->Scales + 64);
        TDot.Shuffle(bytes, Vector256.Create((short)0x0B0A).AsByte()).AsInt16().Store(decoded->Scales + 80);
        TDot.Shuffle(bytes, Vector256.Create((short)0x0D0C).AsByte()).AsInt16().Store(decoded->Scales + 96);
        TDot.Shuffle(bytes, Vector256.Create((short)0x0F0E).AsByte()).AsInt16().Store(decoded->Scales + 112);
    }
}

/// <summary>
/// Sums of products stay in integers over a super-block, multiplied by the groups' scales; one multiplication by both
/// sides' float scales ends it.
/// </summary>
internal readonly unsafe struct SuperBlockProduct<TBlock, TDot> : IGroupProduct
    where TBlock : struct, ISuperBlock
    where TDot : struct, IDotInstructions
{
    public static ActivationEncoding Encoding => ActivationEncoding.Q8_256;

    public static int ScratchBytes => sizeof(DecodedSuperBlock);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(byte* blocks, byte* scratch) => TBlock.Decode<TDot>(blocks, (DecodedSuperBlock*)scratch);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> sum, byte* scratch, byte* activations)
    {
        var block = (DecodedSuperBlock*)scratch;
        var even = OffsetProduct(block, activations);
        var odd = Vector256<int>.Zero;
        for (var i = 0; i < 256; i += 64)
        {
            even = AddProduct(even, Quants(block, i), activations + i, Scales(block, i));
            odd = AddProduct(odd, Quants(block, i + 32), activations + i + 32, Scales(block, i + 32));
        }

        return AddScaled(sum, even + odd, block, activations);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add4(Vector256<float>* sums, byte* scratch, byte* activations, long activationStride)
    {
        var block = (DecodedSuperBlock*)scratch;
        var a0 = activations;
        var a1 = a0 + activationStride;
        var a2 = a1 + activationStride;
        var a3 = a2 + activationStride;
        var sum0 = OffsetProduct(block, a0);
        var sum1 = OffsetProduct(block, a1);
        var sum2 = OffsetProduct(block, a2);
        var sum3 = OffsetProduct(block, a3);
        for (var i = 0; i < 256; i += 32)
        {
            var quants = Quants(block, i);
            var scales = Scales(block, i);
            sum0 = AddProduct(sum0, quants, a0 + i, scales);
            sum1 = AddProduct(sum1, quants, a1 + i, scales);
            sum2 = AddProduct(sum2, quants, a2 + i, scales);
            sum3 = AddProduct(sum3, quants, a3 + i, scales);
        }

        sums[0] = AddScaled(sums[0], sum0, block, a0);
        sums[1] = AddScaled(sums[1], sum1, block, a1);
        sums[2] = AddScaled(sums[2], sum2, block, a2);
        sums[3] = AddScaled(sums[3], sum3, block, a3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<sbyte> Quants(DecodedSuperBlock* block, int index) => Vector256.Load(block->Quants + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<short> Scales(DecodedSuperBlock* block, int index) => Vector256.Load(block->Scales + index / 2);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> AddProduct(
        Vector256<int> sum, Vector256<sbyte> quants, byte* activations, Vector256<short> scales) => TBlock.IsSigned
        ? TDot.AddScaledDotSigned(sum, quants, Vector256.Load((sbyte*)activations), scales)
        : TDot.AddScaledDot(sum, quants, Vector256.Load((sbyte*)activations), scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> MinimumProduct(DecodedSuperBlock* block, byte* activations) => TDot.DotPairs(
        Vector256.Load(block->Minima), Vector256.Load((short*)(activations + Activations.SumsOffset)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> OffsetProduct(DecodedSuperBlock* block, byte* activations) =>
        TBlock.Minimum == MinimumKind.Offset ? MinimumProduct(block, activations) : Vector256<int>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> AddScaled(
        Vector256<float> sum, Vector256<int> product, DecodedSuperBlock* block, byte* activations)
    {
        var scale = *(float*)(activations + Activations.ScalesOffset);
        if (TBlock.Minimum == MinimumKind.Scaled)
        {
            sum = Vector256.MultiplyAddEstimate(
                Vector256.ConvertToSingle(MinimumProduct(block, activations)),
                Vector256.Create(block->MinimumScale * scale), sum);
        }

        return Vector256.MultiplyAddEstimate(
            Vector256.ConvertToSingle(product), Vector256.Create(block->Scale * scale), sum);
    }
}
