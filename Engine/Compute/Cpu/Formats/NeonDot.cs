using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// ARM64 with the dot product extension: sdot multiplies signed bytes and adds four into each lane. Weights of 0..127 are
/// the same signed.
/// </summary>
internal readonly unsafe struct NeonDot : IDotInstructions
{
    public static string Name => "NEON, DotProd";

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Dot(Vector256<sbyte> weights, sbyte* activations) => Vector256.Create(
        Dp.DotProduct(Vector128<int>.Zero, weights.GetLower(), Vector128.Load(activations)),
        Dp.DotProduct(Vector128<int>.Zero, weights.GetUpper(), Vector128.Load(activations + 16)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> DotSigned(Vector256<sbyte> weights, sbyte* activations) =>
        Dot(weights, activations);

    // A half's scales are equal, so the upper of each pair of shorts, sign-extended, is the scale of a lane.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddScaledDot(
        Vector256<int> sum, Vector256<short> scales, Vector256<sbyte> weights, sbyte* activations) =>
        sum + Dot(weights, activations) * (scales.AsInt32() >> 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddScaledDotSigned(
        Vector256<int> sum, Vector256<short> scales, Vector256<sbyte> weights, sbyte* activations) =>
        AddScaledDot(sum, scales, weights, activations);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> DotPairs(Vector256<short> x, Vector256<short> y) => PortableDot.DotPairs(x, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> SumEach(Vector256<int> x0, Vector256<int> x1, Vector256<int> x2, Vector256<int> x3) =>
        Vector256.Create(
            SumEach(x0.GetLower(), x1.GetLower(), x2.GetLower(), x3.GetLower()),
            SumEach(x0.GetUpper(), x1.GetUpper(), x2.GetUpper(), x3.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddHalves(Vector256<int> first, Vector256<int> second) =>
        Vector256.Create(first.GetLower() + first.GetUpper(), second.GetLower() + second.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Shuffle(Vector256<byte> table, Vector256<byte> indices) =>
        PortableDot.Shuffle(table, indices);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<int> SumEach(Vector128<int> x0, Vector128<int> x1, Vector128<int> x2, Vector128<int> x3) =>
        AdvSimd.Arm64.AddPairwise(AdvSimd.Arm64.AddPairwise(x0, x1), AdvSimd.Arm64.AddPairwise(x2, x3));
}
