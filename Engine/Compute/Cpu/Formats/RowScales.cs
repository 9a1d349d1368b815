using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>The float scales that the blocks of eight weight rows have at one place, and their minima where they have them.</summary>
internal unsafe struct RowScales
{
    public Vector256<float> Scale;

    public Vector256<float> Minimum;

    /// <summary>float16 scales <paramref name="offset"/> bytes into each row's block, times a constant.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales One(byte** rows, int offset, float factor = 1)
    {
        var scales = Float16.ToSingle(Vector128.Create(
            *(short*)(rows[0] + offset),
            *(short*)(rows[1] + offset),
            *(short*)(rows[2] + offset),
            *(short*)(rows[3] + offset),
            *(short*)(rows[4] + offset),
            *(short*)(rows[5] + offset),
            *(short*)(rows[6] + offset),
            *(short*)(rows[7] + offset)));
        return new() { Scale = factor == 1 ? scales : scales * Vector256.Create(factor) };
    }

    /// <summary>The same with float16 minima right behind the scales.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales Pair(byte** rows, int offset)
    {
        var pairs = Vector256.Create(
            *(int*)(rows[0] + offset),
            *(int*)(rows[1] + offset),
            *(int*)(rows[2] + offset),
            *(int*)(rows[3] + offset),
            *(int*)(rows[4] + offset),
            *(int*)(rows[5] + offset),
            *(int*)(rows[6] + offset),
            *(int*)(rows[7] + offset));
        return new() { Scale = Float16.ToSingle(pairs << 16 >> 16), Minimum = Float16.ToSingle(pairs >> 16) };
    }
}
