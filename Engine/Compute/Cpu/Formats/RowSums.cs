using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>The ends of sums.</summary>
internal static unsafe class RowSums
{
    /// <summary>Lane i is the sum of the lanes of vector i of eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Of<TDot>(Vector256<int>* vectors)
        where TDot : struct, IDotInstructions =>
        Of<TDot>(vectors[0], vectors[1], vectors[2], vectors[3], vectors[4], vectors[5], vectors[6], vectors[7]);

    /// <summary>The same of vectors in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Of<TDot>(
        Vector256<int> v0, Vector256<int> v1, Vector256<int> v2, Vector256<int> v3,
        Vector256<int> v4, Vector256<int> v5, Vector256<int> v6, Vector256<int> v7)
        where TDot : struct, IDotInstructions => TDot.AddHalves(TDot.SumEach(v0, v1, v2, v3), TDot.SumEach(v4, v5, v6, v7));

    /// <summary>A row's result of its eight sums, added in the order that <see cref="Of{TLanes, TVector}"/> has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Of(Vector256<float> sums)
    {
        var four = sums.GetLower() + sums.GetUpper();
        var two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1));
        return two.GetElement(0) + two.GetElement(1);
    }

    /// <summary>The results of some rows, a lane each, of their eight sums, a vector each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Of<TLanes, TVector>(float* sums)
        where TLanes : struct, IPanelLanes<TVector>
        where TVector : struct
    {
        var s0 = TLanes.AddFloats(Sum(0), Sum(4));
        var s1 = TLanes.AddFloats(Sum(1), Sum(5));
        var s2 = TLanes.AddFloats(Sum(2), Sum(6));
        var s3 = TLanes.AddFloats(Sum(3), Sum(7));
        return TLanes.AddFloats(TLanes.AddFloats(s0, s2), TLanes.AddFloats(s1, s3));

        TVector Sum(int index) => TLanes.Load(sums + index * TLanes.Rows);
    }
}
