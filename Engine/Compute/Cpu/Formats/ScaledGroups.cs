using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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

    /// <summary>All groups of eight blocks, which begin as <see cref="Unpack(byte*)"/> has it; needs AVX2.</summary>
    /// <param name="scales">Where eight vectors go, one a group: a block's lane has its scale twice.</param>
    /// <param name="stride">Bytes from one of these to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScaledGroupRows Unpack(byte** blocks, byte* scales, int stride) => Unpack(
        Headers(blocks[0], blocks[4]), Headers(blocks[1], blocks[5]), Headers(blocks[2], blocks[6]), Headers(blocks[3], blocks[7]),
        scales, stride);

    /// <summary>The same of blocks <paramref name="blockBytes"/> apart, a constant.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScaledGroupRows Unpack(byte* block, int blockBytes, byte* scales, int stride) => Unpack(
        Headers(block, block + 4 * blockBytes),
        Headers(block + blockBytes, block + 5 * blockBytes),
        Headers(block + 2 * blockBytes, block + 6 * blockBytes),
        Headers(block + 3 * blockBytes, block + 7 * blockBytes),
        scales, stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ScaledGroupRows Unpack(
        Vector256<int> r0, Vector256<int> r1, Vector256<int> r2, Vector256<int> r3, byte* scales, int stride)
    {
        // Four vectors of a lane a block: d and dmin, then the twelve bytes.
        var (a, b) = (Avx2.UnpackLow(r0, r1).AsInt64(), Avx2.UnpackHigh(r0, r1).AsInt64());
        var (c, d) = (Avx2.UnpackLow(r2, r3).AsInt64(), Avx2.UnpackHigh(r2, r3).AsInt64());
        var floats = Avx2.UnpackLow(a, c).AsInt32();
        var first = Avx2.UnpackHigh(a, c).AsUInt32();
        var middle = Avx2.UnpackLow(b, d).AsUInt32();
        var last = Avx2.UnpackHigh(b, d).AsUInt32();

        var six = Vector256.Create(0x3F3F3F3Fu);
        var low = Vector256.Create(0x0F0F0F0Fu);
        var top = Vector256.Create(0x30303030u);
        var early = (first & six).AsByte();
        var late = (last & low | first >> 2 & top).AsByte();
        Avx2.Shuffle(early, Places(0, 0)).Store(scales);
        Avx2.Shuffle(early, Places(1, 1)).Store(scales + stride);
        Avx2.Shuffle(early, Places(2, 2)).Store(scales + 2 * stride);
        Avx2.Shuffle(early, Places(3, 3)).Store(scales + 3 * stride);
        Avx2.Shuffle(late, Places(0, 0)).Store(scales + 4 * stride);
        Avx2.Shuffle(late, Places(1, 1)).Store(scales + 5 * stride);
        Avx2.Shuffle(late, Places(2, 2)).Store(scales + 6 * stride);
        Avx2.Shuffle(late, Places(3, 3)).Store(scales + 7 * stride);

        var earlyMinima = (middle & six).AsByte();
        var lateMinima = (last >> 4 & low | middle >> 2 & top).AsByte();
        return new()
        {
            Scale = Float16.ToSingle(floats << 16 >> 16),
            Minimum = Float16.ToSingle(floats >> 16),
            Minima01 = Avx2.Shuffle(earlyMinima, Places(0, 1)).AsInt16(),
            Minima23 = Avx2.Shuffle(earlyMinima, Places(2, 3)).AsInt16(),
            Minima45 = Avx2.Shuffle(lateMinima, Places(0, 1)).AsInt16(),
            Minima67 = Avx2.Shuffle(lateMinima, Places(2, 3)).AsInt16(),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Headers(byte* low, byte* high) => Vector256.Create(Vector128.Load((int*)low), Vector128.Load((int*)high));

    /// <summary>Takes two bytes of each lane as its two shorts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<byte> Places(int first, int second)
    {
        var places = Vector128.Create(0x80008000u, 0x80048004u, 0x80088008u, 0x800C800Cu)
            + Vector128.Create((uint)(first | second << 16));
        return Vector256.Create(places, places).AsByte();
    }

    // A group of 32 is two groups of 16.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<short> Twice(ulong bytes)
    {
        var eight = Vector128.WidenLower(Vector128.CreateScalar(bytes).AsByte()).AsInt16();
        return Vector256.Create(eight, eight);
    }
}

/// <summary>The float scales of eight blocks, and their groups' minima in pairs, a lane a block.</summary>
internal struct ScaledGroupRows
{
    public Vector256<float> Scale;

    public Vector256<float> Minimum;

    public Vector256<short> Minima01;

    public Vector256<short> Minima23;

    public Vector256<short> Minima45;

    public Vector256<short> Minima67;
}
