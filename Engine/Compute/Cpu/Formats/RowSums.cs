using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>From a vector a row to a lane a row.</summary>
internal static unsafe class RowSums
{
    /// <summary>Lane r is the sum of the lanes of vector r of eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Of<TDot>(Vector256<int>* rows)
        where TDot : struct, IDotInstructions
    {
        var first = TDot.SumEach(rows[0], rows[1], rows[2], rows[3]);
        var second = TDot.SumEach(rows[4], rows[5], rows[6], rows[7]);
        return Vector256.Create(first.GetLower(), second.GetLower()) + Vector256.Create(first.GetUpper(), second.GetUpper());
    }
}
