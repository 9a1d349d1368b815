using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// The scales of Q4_K and Q5_K: 6 bits for each of eight groups' scale and min in 12 bytes (ggml-quants.c,
/// get_scale_min_k4). Byte j, j in 0..3, has scale j and above it bits 4..5 of scale j + 4; byte 4 + j the same of the
/// mins; byte 8 + j the low nibbles of scale j + 4 and of min j + 4.
/// </summary>
internal static unsafe class ScaledGroups
{
    /// <summary>Scalar reference: one group.</summary>
    public static (int Scale, int Min) Unpack(byte* packed, int group) => group < 4
        ? (packed[group] & 63, packed[group + 4] & 63)
        : (packed[group + 4] & 15 | packed[group - 4] >> 6 << 4, packed[group + 4] >> 4 | packed[group] >> 6 << 4);

    /// <summary>All groups of a block that begins with d, dmin and the 12 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SuperBlockScales Unpack(byte* block)
    {
        var first = *(ulong*)(block + 4);
        var last = *(uint*)(block + 12);
        var low = first & 0x3F3F3F3F3F3F3F3F;
        var top = first >> 2 & 0x3030303030303030;
        var scales = (uint)low | (ulong)(last & 0x0F0F0F0F | (uint)top) << 32;
        var mins = low >> 32 | (ulong)(last >> 4 & 0x0F0F0F0F | (uint)(top >> 32)) << 32;
        return new() { Scales = Twice(scales), Minima = Twice(mins) };
    }

    // A group of 32 is two groups of 16.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<short> Twice(ulong bytes)
    {
        var eight = Vector128.WidenLower(Vector128.CreateScalar(bytes).AsByte()).AsInt16();
        return Vector256.Create(eight, eight);
    }
}
