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

    /// <summary>The eight scales, then the eight mins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Unpack(byte* packed)
    {
        var first = *(ulong*)packed;
        var last = *(uint*)(packed + 8);
        var low = first & 0x3F3F3F3F3F3F3F3F;
        var top = first >> 2 & 0x3030303030303030;
        var scales = (uint)low | (ulong)(last & 0x0F0F0F0F | (uint)top) << 32;
        var mins = low >> 32 | (ulong)(last >> 4 & 0x0F0F0F0F | (uint)(top >> 32)) << 32;
        return Vector256.WidenLower(Vector128.Create(scales, mins).AsByte().ToVector256Unsafe()).AsInt16();
    }
}
