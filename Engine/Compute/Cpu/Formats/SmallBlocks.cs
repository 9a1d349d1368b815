using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>What the formats of 32 elements share.</summary>
internal static unsafe class SmallBlocks
{
    /// <summary>The eight float16 values that lie <paramref name="stride"/> bytes apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Halves(byte* first, int stride) => Float16.ToSingle(Vector128.Create(
        *(short*)first,
        *(short*)(first + stride),
        *(short*)(first + stride * 2),
        *(short*)(first + stride * 3),
        *(short*)(first + stride * 4),
        *(short*)(first + stride * 5),
        *(short*)(first + stride * 6),
        *(short*)(first + stride * 7)));
}
