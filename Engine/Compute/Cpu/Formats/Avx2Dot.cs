using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// AVX2, with AVX-VNNI where it is present. vpmaddubsw multiplies unsigned by signed bytes and adds neighbours into 16
/// bits with saturation; a weight of at most 128 and an activation of at least -127 keep every pair within 32512.
/// </summary>
internal readonly unsafe struct Avx2Dot : IDotInstructions
{
    public static string Name => AvxVnni.IsSupported ? "AVX2, AVX-VNNI" : "AVX2";

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Dot(Vector256<sbyte> weights, sbyte* activations) => AvxVnni.IsSupported
        ? AvxVnni.MultiplyWideningAndAdd(Vector256<int>.Zero, weights.AsByte(), Vector256.Load(activations))
        : Avx2.MultiplyAddAdjacent(Pairs(weights, activations), Vector256<short>.One);

    // |w| * sign(a, w) = w * a; |-128| is 128 as an unsigned byte.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> DotSigned(Vector256<sbyte> weights, sbyte* activations)
    {
        var magnitudes = Avx2.Abs(weights);
        var signed = Avx2.Sign(Vector256.Load(activations), weights);
        return AvxVnni.IsSupported
            ? AvxVnni.MultiplyWideningAndAdd(Vector256<int>.Zero, magnitudes, signed)
            : Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(magnitudes, signed), Vector256<short>.One);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddScaledDot(
        Vector256<int> sum, Vector256<short> scales, Vector256<sbyte> weights, sbyte* activations) =>
        AddScaled(sum, scales, Pairs(weights, activations));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddScaledDotSigned(
        Vector256<int> sum, Vector256<short> scales, Vector256<sbyte> weights, sbyte* activations) => AddScaled(
        sum, scales, Avx2.MultiplyAddAdjacent(Avx2.Abs(weights), Avx2.Sign(Vector256.Load(activations), weights)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> DotPairs(Vector256<short> x, Vector256<short> y) => Avx2.MultiplyAddAdjacent(x, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> SumEach(Vector256<int> x0, Vector256<int> x1, Vector256<int> x2, Vector256<int> x3)
    {
        // Half the lanes of two vectors beside each other, then of four: faster than vphaddd.
        var x01 = (Avx2.UnpackLow(x0, x1) + Avx2.UnpackHigh(x0, x1)).AsInt64();
        var x23 = (Avx2.UnpackLow(x2, x3) + Avx2.UnpackHigh(x2, x3)).AsInt64();
        return Avx2.UnpackLow(x01, x23).AsInt32() + Avx2.UnpackHigh(x01, x23).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddHalves(Vector256<int> first, Vector256<int> second) =>
        Avx2.Permute2x128(first, second, 0x20) + Avx2.Permute2x128(first, second, 0x31);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Shuffle(Vector256<byte> table, Vector256<byte> indices) => Avx2.Shuffle(table, indices);

    // The load is the instruction's own operand.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<short> Pairs(Vector256<sbyte> weights, sbyte* activations) =>
        Avx2.MultiplyAddAdjacent(weights.AsByte(), Vector256.Load(activations));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> AddScaled(Vector256<int> sum, Vector256<short> scales, Vector256<short> pairs) => AvxVnni.IsSupported
        ? AvxVnni.MultiplyWideningAndAdd(sum, pairs, scales)
        : sum + Avx2.MultiplyAddAdjacent(pairs, scales);
}
