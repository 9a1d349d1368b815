using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>float16 values of eight blocks, a lane each: their scales, or their minima.</summary>
internal static unsafe class RowScales
{
    /// <summary>Of blocks <paramref name="stride"/> bytes apart, a constant.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(byte* first, int stride, float factor = 1) => Scale(
        Float16.ToSingle(Vector128.Create(
            *(short*)first,
            *(short*)(first + stride),
            *(short*)(first + 2 * stride),
            *(short*)(first + 3 * stride),
            *(short*)(first + 4 * stride),
            *(short*)(first + 5 * stride),
            *(short*)(first + 6 * stride),
            *(short*)(first + 7 * stride))),
        factor);

    /// <summary>Of blocks at the same place of eight rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(byte** rows, int offset, float factor = 1) => Scale(
        Float16.ToSingle(Vector128.Create(
            *(short*)(rows[0] + offset),
            *(short*)(rows[1] + offset),
            *(short*)(rows[2] + offset),
            *(short*)(rows[3] + offset),
            *(short*)(rows[4] + offset),
            *(short*)(rows[5] + offset),
            *(short*)(rows[6] + offset),
            *(short*)(rows[7] + offset))),
        factor);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> Scale(Vector256<float> values, float factor) =>
        factor == 1 ? values : values * Vector256.Create(factor);
}
