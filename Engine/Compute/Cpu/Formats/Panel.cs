using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>The steps of a panel product that all formats share; needs AVX2.</summary>
internal static unsafe class Panel
{
    /// <summary>Vectors of a plane: 256 weights of a row, four in each.</summary>
    public const int Steps = 64;

    /// <summary>What makes a signed quant an unsigned byte, to be taken off again by the activations' sums.</summary>
    public const int Bias = 128;

    /// <summary>Steps whose products of a lane's pair fit 16 bits together, in a group that shares a scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int StepsPerSum(int largestQuant, int groupElements) =>
        Math.Min(groupElements / 4, largestQuant <= 16 ? 8 : largestQuant <= 32 ? 4 : largestQuant <= 64 ? 2 : 1);

    /// <summary>
    /// Eight rows of eight lanes become eight vectors of a lane a row, stored <paramref name="stride"/> bytes apart.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(byte* rows, int rowStride, byte* destination, int stride)
    {
        var (r0, r1) = (Vector256.Load((int*)rows), Vector256.Load((int*)(rows + rowStride)));
        var (r2, r3) = (Vector256.Load((int*)(rows + 2 * rowStride)), Vector256.Load((int*)(rows + 3 * rowStride)));
        rows += 4 * rowStride;
        var (r4, r5) = (Vector256.Load((int*)rows), Vector256.Load((int*)(rows + rowStride)));
        var (r6, r7) = (Vector256.Load((int*)(rows + 2 * rowStride)), Vector256.Load((int*)(rows + 3 * rowStride)));
        var (a0, a1) = (Avx2.UnpackLow(r0, r1).AsInt64(), Avx2.UnpackHigh(r0, r1).AsInt64());
        var (a2, a3) = (Avx2.UnpackLow(r2, r3).AsInt64(), Avx2.UnpackHigh(r2, r3).AsInt64());
        var (a4, a5) = (Avx2.UnpackLow(r4, r5).AsInt64(), Avx2.UnpackHigh(r4, r5).AsInt64());
        var (a6, a7) = (Avx2.UnpackLow(r6, r7).AsInt64(), Avx2.UnpackHigh(r6, r7).AsInt64());
        Halves(Avx2.UnpackLow(a0, a2), Avx2.UnpackLow(a4, a6), destination, stride);
        Halves(Avx2.UnpackHigh(a0, a2), Avx2.UnpackHigh(a4, a6), destination + stride, stride);
        Halves(Avx2.UnpackLow(a1, a3), Avx2.UnpackLow(a5, a7), destination + 2 * stride, stride);
        Halves(Avx2.UnpackHigh(a1, a3), Avx2.UnpackHigh(a5, a7), destination + 3 * stride, stride);
    }

    /// <summary>
    /// 16 bytes of eight rows to four vectors of a lane a row each: their low nibbles and their high ones; needs AVX2.
    /// </summary>
    /// <param name="at">Where the bytes are in each row's group.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PackNibbles(byte** rows, int at, byte* low, byte* high, int vectorBytes)
    {
        Interleave(rows, at, out var p0, out var p1, out var p2, out var p3);
        StoreNibbles(p0, low, high);
        StoreNibbles(p1, low + vectorBytes, high + vectorBytes);
        StoreNibbles(p2, low + 2 * vectorBytes, high + 2 * vectorBytes);
        StoreNibbles(p3, low + 3 * vectorBytes, high + 3 * vectorBytes);
    }

    /// <summary>16 bytes of eight rows as four vectors of a lane a row; needs AVX2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Interleave(
        byte** rows, int at, out Vector256<byte> p0, out Vector256<byte> p1, out Vector256<byte> p2, out Vector256<byte> p3)
    {
        var r0 = Vector256.Create(Vector128.Load((int*)(rows[0] + at)), Vector128.Load((int*)(rows[4] + at)));
        var r1 = Vector256.Create(Vector128.Load((int*)(rows[1] + at)), Vector128.Load((int*)(rows[5] + at)));
        var r2 = Vector256.Create(Vector128.Load((int*)(rows[2] + at)), Vector128.Load((int*)(rows[6] + at)));
        var r3 = Vector256.Create(Vector128.Load((int*)(rows[3] + at)), Vector128.Load((int*)(rows[7] + at)));
        var (a, b) = (Avx2.UnpackLow(r0, r1).AsInt64(), Avx2.UnpackHigh(r0, r1).AsInt64());
        var (c, d) = (Avx2.UnpackLow(r2, r3).AsInt64(), Avx2.UnpackHigh(r2, r3).AsInt64());
        p0 = Avx2.UnpackLow(a, c).AsByte();
        p1 = Avx2.UnpackHigh(a, c).AsByte();
        p2 = Avx2.UnpackLow(b, d).AsByte();
        p3 = Avx2.UnpackHigh(b, d).AsByte();
    }

    /// <summary>
    /// The quants of eight unpacked rows: one plane of bytes, or, of signed quants made unsigned, a plane of their low
    /// nibbles and one of their high ones, each vector of the second behind its vector of the first.
    /// </summary>
    /// <param name="vectorBytes">Bytes of a panel's vector, of which these rows are 32.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackQuants(byte* unpacked, int unpackedStride, bool isSigned, byte* panel, int vectorBytes)
    {
        var stride = isSigned ? 2 * vectorBytes : vectorBytes;
        for (var part = 0; part < 8; part++)
        {
            Transpose(unpacked + part * 32, unpackedStride, panel + part * 8 * stride, stride);
        }

        if (isSigned)
        {
            for (var step = 0; step < Steps; step++, panel += stride)
            {
                StorePlanes(Vector256.Load(panel), panel, vectorBytes);
            }
        }
    }

    /// <summary>Signed quants made unsigned: their low nibbles, and <paramref name="vectorBytes"/> on their high ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePlanes(Vector256<byte> quants, byte* low, int vectorBytes) =>
        StoreNibbles(quants ^ Vector256.Create((byte)Bias), low, low + vectorBytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void StoreNibbles(Vector256<byte> packed, byte* low, byte* high)
    {
        var nibble = Vector256.Create((byte)15);
        (packed & nibble).Store(low);
        (Bits.ShiftRight(packed, 4) & nibble).Store(high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Halves(Vector256<long> first, Vector256<long> second, byte* destination, int stride)
    {
        Avx2.Permute2x128(first, second, 0x20).Store((long*)destination);
        Avx2.Permute2x128(first, second, 0x31).Store((long*)(destination + 4 * stride));
    }
}
