using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// The few operations on quants that portable vectors lack, or lack at full speed. Everything is 32 bytes wide, in two
/// independent halves of 16: a sum of products stays in its half, in whichever of the half's four lanes. Which lane is an
/// implementation's own choice, the same for every call, so that results differ between machines in the last bits only.
/// </summary>
internal interface IDotInstructions
{
    /// <summary>For reports: "AVX2".</summary>
    static abstract string Name { get; }

    /// <summary>Products of weights 0..127 and activations -127..127, four added in each lane.</summary>
    unsafe static abstract Vector256<int> Dot(Vector256<sbyte> weights, sbyte* activations);

    /// <summary>The same for weights -128..127.</summary>
    unsafe static abstract Vector256<int> DotSigned(Vector256<sbyte> weights, sbyte* activations);

    /// <summary>
    /// sum + scale * (products of weights 0..127 and activations). All eight scales of a half are equal.
    /// </summary>
    unsafe static abstract Vector256<int> AddScaledDot(
        Vector256<int> sum, Vector256<short> scales, Vector256<sbyte> weights, sbyte* activations);

    /// <summary>The same for weights -128..127.</summary>
    unsafe static abstract Vector256<int> AddScaledDotSigned(
        Vector256<int> sum, Vector256<short> scales, Vector256<sbyte> weights, sbyte* activations);

    /// <summary>Products of 16-bit integers, two added in each lane.</summary>
    static abstract Vector256<int> DotPairs(Vector256<short> x, Vector256<short> y);

    /// <summary>In each half, lane 0 is the sum of the four lanes of <paramref name="x0"/>, lane 1 of x1, and so on.</summary>
    static abstract Vector256<int> SumEach(Vector256<int> x0, Vector256<int> x1, Vector256<int> x2, Vector256<int> x3);

    /// <summary>The sum of the halves of <paramref name="first"/>, then that of <paramref name="second"/>.</summary>
    static abstract Vector256<int> AddHalves(Vector256<int> first, Vector256<int> second);

    /// <summary>Element i of each half is the half's own table[indices[i]]; indices 0..15.</summary>
    static abstract Vector256<byte> Shuffle(Vector256<byte> table, Vector256<byte> indices);
}
