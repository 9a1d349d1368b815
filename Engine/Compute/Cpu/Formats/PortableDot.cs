using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>Portable 128-bit vectors: any machine, and the check of the others.</summary>
internal readonly unsafe struct PortableDot : IDotInstructions
{
    public static string Name => "128-bit vectors";

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Dot(Vector256<sbyte> weights, sbyte* activations) => Vector256.Create(
        Dot(weights.GetLower(), Vector128.Load(activations)),
        Dot(weights.GetUpper(), Vector128.Load(activations + 16)));

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
    public static Vector256<int> DotPairs(Vector256<short> x, Vector256<short> y) => Vector256.Create(
        DotPairs(x.GetLower(), y.GetLower()),
        DotPairs(x.GetUpper(), y.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> SumEach(Vector256<int> x0, Vector256<int> x1, Vector256<int> x2, Vector256<int> x3) =>
        Vector256.Create(
            SumEach(x0.GetLower(), x1.GetLower(), x2.GetLower(), x3.GetLower()),
            SumEach(x0.GetUpper(), x1.GetUpper(), x2.GetUpper(), x3.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddHalves(Vector256<int> first, Vector256<int> second) =>
        Vector256.Create(first.GetLower() + first.GetUpper(), second.GetLower() + second.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Shuffle(Vector256<byte> table, Vector256<byte> indices) => Vector256.Create(
        Vector128.Shuffle(table.GetLower(), indices.GetLower()),
        Vector128.Shuffle(table.GetUpper(), indices.GetUpper()));

    // Products fit 16 bits (128 * 127). Neighbours are added within the lower and the upper eight, then the two together.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<int> Dot(Vector128<sbyte> weights, Vector128<sbyte> activations)
    {
        var low = (Vector128.WidenLower(weights) * Vector128.WidenLower(activations)).AsInt32();
        var high = (Vector128.WidenUpper(weights) * Vector128.WidenUpper(activations)).AsInt32();
        return ((low << 16) >> 16) + (low >> 16) + (((high << 16) >> 16) + (high >> 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<int> DotPairs(Vector128<short> x, Vector128<short> y) =>
        Vector128.WidenLower(x) * Vector128.WidenLower(y) + Vector128.WidenUpper(x) * Vector128.WidenUpper(y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<int> SumEach(Vector128<int> x0, Vector128<int> x1, Vector128<int> x2, Vector128<int> x3) =>
        Vector128.Create(Vector128.Sum(x0), Vector128.Sum(x1), Vector128.Sum(x2), Vector128.Sum(x3));
}
