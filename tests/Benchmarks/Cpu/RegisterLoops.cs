using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NvStream.Benchmarks.Cpu;

/// <summary>
/// Multiply-adds per second of loops that never leave the registers: what the arithmetic alone could do. Twelve sums each,
/// because an instruction's result is several cycles away; each product takes its own sum as an operand, so that none
/// can be taken out of the loop.
/// </summary>
static class RegisterLoops
{
    const int Sums = 12;
    const int Steps = 1 << 24;

    static long s_sink;

    /// <summary>How products of bytes are counted here; null where this machine has no instruction for them that is known here.</summary>
    public static string? ByteProductsName =>
        Avx512BW.IsSupported ? "512-bit vpmaddubsw + vpaddw"
        : AvxVnni.IsSupported ? "256-bit vpdpbusd"
        : Avx2.IsSupported ? "256-bit vpmaddubsw + vpaddw"
        : null;

    public static string FloatProductsName => $"{FloatBits}-bit fused float32";

    static int FloatBits => Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;

    /// <summary>Products of unsigned with signed bytes, added to sums, a second on all threads; 0 where <see cref="ByteProductsName"/> is null.</summary>
    public static double ByteProducts(int threads) =>
        Avx512BW.IsSupported ? Rate(threads, Vector512<byte>.Count, Bytes512)
        : AvxVnni.IsSupported ? Rate(threads, Vector256<byte>.Count, BytesVnni)
        : Avx2.IsSupported ? Rate(threads, Vector256<byte>.Count, Bytes256)
        : 0;

    /// <summary>Products of floats, added to sums, a second on all threads.</summary>
    public static double FloatProducts(int threads) => FloatBits switch
    {
        512 => Rate(threads, Vector512<float>.Count, Floats512),
        256 => Rate(threads, Vector256<float>.Count, Floats256),
        _ => Rate(threads, Vector128<float>.Count, Floats128),
    };

    static double Rate(int threads, int products, Func<int, long> loop)
    {
        var time = Team.Run(threads, _ => Interlocked.Add(ref s_sink, loop(Steps)));
        return (double)Steps * Sums * products * threads / time.TotalSeconds;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static long Bytes512(int steps)
    {
        var weights = Vector512.Create((byte)3);
        var (s0, s1, s2, s3) = (Vector512.Create((short)1), Vector512.Create((short)2), Vector512.Create((short)3), Vector512.Create((short)4));
        var (s4, s5, s6, s7) = (Vector512.Create((short)5), Vector512.Create((short)6), Vector512.Create((short)7), Vector512.Create((short)8));
        var (s8, s9, s10, s11) = (Vector512.Create((short)9), Vector512.Create((short)10), Vector512.Create((short)11), Vector512.Create((short)12));
        for (var i = 0; i < steps; i++)
        {
            s0 += Avx512BW.MultiplyAddAdjacent(weights, s0.AsSByte());
            s1 += Avx512BW.MultiplyAddAdjacent(weights, s1.AsSByte());
            s2 += Avx512BW.MultiplyAddAdjacent(weights, s2.AsSByte());
            s3 += Avx512BW.MultiplyAddAdjacent(weights, s3.AsSByte());
            s4 += Avx512BW.MultiplyAddAdjacent(weights, s4.AsSByte());
            s5 += Avx512BW.MultiplyAddAdjacent(weights, s5.AsSByte());
            s6 += Avx512BW.MultiplyAddAdjacent(weights, s6.AsSByte());
            s7 += Avx512BW.MultiplyAddAdjacent(weights, s7.AsSByte());
            s8 += Avx512BW.MultiplyAddAdjacent(weights, s8.AsSByte());
            s9 += Avx512BW.MultiplyAddAdjacent(weights, s9.AsSByte());
            s10 += Avx512BW.MultiplyAddAdjacent(weights, s10.AsSByte());
            s11 += Avx512BW.MultiplyAddAdjacent(weights, s11.AsSByte());
        }

        return (long)Vector512.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static long Bytes256(int steps)
    {
        var weights = Vector256.Create((byte)3);
        var (s0, s1, s2, s3) = (Vector256.Create((short)1), Vector256.Create((short)2), Vector256.Create((short)3), Vector256.Create((short)4));
        var (s4, s5, s6, s7) = (Vector256.Create((short)5), Vector256.Create((short)6), Vector256.Create((short)7), Vector256.Create((short)8));
        var (s8, s9, s10, s11) = (Vector256.Create((short)9), Vector256.Create((short)10), Vector256.Create((short)11), Vector256.Create((short)12));
        for (var i = 0; i < steps; i++)
        {
            s0 += Avx2.MultiplyAddAdjacent(weights, s0.AsSByte());
            s1 += Avx2.MultiplyAddAdjacent(weights, s1.AsSByte());
            s2 += Avx2.MultiplyAddAdjacent(weights, s2.AsSByte());
            s3 += Avx2.MultiplyAddAdjacent(weights, s3.AsSByte());
            s4 += Avx2.MultiplyAddAdjacent(weights, s4.AsSByte());
            s5 += Avx2.MultiplyAddAdjacent(weights, s5.AsSByte());
            s6 += Avx2.MultiplyAddAdjacent(weights, s6.AsSByte());
            s7 += Avx2.MultiplyAddAdjacent(weights, s7.AsSByte());
            s8 += Avx2.MultiplyAddAdjacent(weights, s8.AsSByte());
            s9 += Avx2.MultiplyAddAdjacent(weights, s9.AsSByte());
            s10 += Avx2.MultiplyAddAdjacent(weights, s10.AsSByte());
            s11 += Avx2.MultiplyAddAdjacent(weights, s11.AsSByte());
        }

        return (long)Vector256.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static long BytesVnni(int steps)
    {
        var weights = Vector256.Create((byte)3);
        var (s0, s1, s2, s3) = (Vector256.Create(1), Vector256.Create(2), Vector256.Create(3), Vector256.Create(4));
        var (s4, s5, s6, s7) = (Vector256.Create(5), Vector256.Create(6), Vector256.Create(7), Vector256.Create(8));
        var (s8, s9, s10, s11) = (Vector256.Create(9), Vector256.Create(10), Vector256.Create(11), Vector256.Create(12));
        for (var i = 0; i < steps; i++)
        {
            s0 = AvxVnni.MultiplyWideningAndAdd(s0, weights, s0.AsSByte());
            s1 = AvxVnni.MultiplyWideningAndAdd(s1, weights, s1.AsSByte());
            s2 = AvxVnni.MultiplyWideningAndAdd(s2, weights, s2.AsSByte());
            s3 = AvxVnni.MultiplyWideningAndAdd(s3, weights, s3.AsSByte());
            s4 = AvxVnni.MultiplyWideningAndAdd(s4, weights, s4.AsSByte());
            s5 = AvxVnni.MultiplyWideningAndAdd(s5, weights, s5.AsSByte());
            s6 = AvxVnni.MultiplyWideningAndAdd(s6, weights, s6.AsSByte());
            s7 = AvxVnni.MultiplyWideningAndAdd(s7, weights, s7.AsSByte());
            s8 = AvxVnni.MultiplyWideningAndAdd(s8, weights, s8.AsSByte());
            s9 = AvxVnni.MultiplyWideningAndAdd(s9, weights, s9.AsSByte());
            s10 = AvxVnni.MultiplyWideningAndAdd(s10, weights, s10.AsSByte());
            s11 = AvxVnni.MultiplyWideningAndAdd(s11, weights, s11.AsSByte());
        }

        return (long)Vector256.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static long Floats512(int steps)
    {
        var (x, y) = (Vector512.Create(0.75f), Vector512.Create(0.25f));
        var (s0, s1, s2, s3) = (Vector512.Create(1f), Vector512.Create(2f), Vector512.Create(3f), Vector512.Create(4f));
        var (s4, s5, s6, s7) = (Vector512.Create(5f), Vector512.Create(6f), Vector512.Create(7f), Vector512.Create(8f));
        var (s8, s9, s10, s11) = (Vector512.Create(9f), Vector512.Create(10f), Vector512.Create(11f), Vector512.Create(12f));
        for (var i = 0; i < steps; i++)
        {
            s0 = Vector512.FusedMultiplyAdd(s0, x, y);
            s1 = Vector512.FusedMultiplyAdd(s1, x, y);
            s2 = Vector512.FusedMultiplyAdd(s2, x, y);
            s3 = Vector512.FusedMultiplyAdd(s3, x, y);
            s4 = Vector512.FusedMultiplyAdd(s4, x, y);
            s5 = Vector512.FusedMultiplyAdd(s5, x, y);
            s6 = Vector512.FusedMultiplyAdd(s6, x, y);
            s7 = Vector512.FusedMultiplyAdd(s7, x, y);
            s8 = Vector512.FusedMultiplyAdd(s8, x, y);
            s9 = Vector512.FusedMultiplyAdd(s9, x, y);
            s10 = Vector512.FusedMultiplyAdd(s10, x, y);
            s11 = Vector512.FusedMultiplyAdd(s11, x, y);
        }

        return (long)Vector512.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static long Floats256(int steps)
    {
        var (x, y) = (Vector256.Create(0.75f), Vector256.Create(0.25f));
        var (s0, s1, s2, s3) = (Vector256.Create(1f), Vector256.Create(2f), Vector256.Create(3f), Vector256.Create(4f));
        var (s4, s5, s6, s7) = (Vector256.Create(5f), Vector256.Create(6f), Vector256.Create(7f), Vector256.Create(8f));
        var (s8, s9, s10, s11) = (Vector256.Create(9f), Vector256.Create(10f), Vector256.Create(11f), Vector256.Create(12f));
        for (var i = 0; i < steps; i++)
        {
            s0 = Vector256.FusedMultiplyAdd(s0, x, y);
            s1 = Vector256.FusedMultiplyAdd(s1, x, y);
            s2 = Vector256.FusedMultiplyAdd(s2, x, y);
            s3 = Vector256.FusedMultiplyAdd(s3, x, y);
            s4 = Vector256.FusedMultiplyAdd(s4, x, y);
            s5 = Vector256.FusedMultiplyAdd(s5, x, y);
            s6 = Vector256.FusedMultiplyAdd(s6, x, y);
            s7 = Vector256.FusedMultiplyAdd(s7, x, y);
            s8 = Vector256.FusedMultiplyAdd(s8, x, y);
            s9 = Vector256.FusedMultiplyAdd(s9, x, y);
            s10 = Vector256.FusedMultiplyAdd(s10, x, y);
            s11 = Vector256.FusedMultiplyAdd(s11, x, y);
        }

        return (long)Vector256.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static long Floats128(int steps)
    {
        var (x, y) = (Vector128.Create(0.75f), Vector128.Create(0.25f));
        var (s0, s1, s2, s3) = (Vector128.Create(1f), Vector128.Create(2f), Vector128.Create(3f), Vector128.Create(4f));
        var (s4, s5, s6, s7) = (Vector128.Create(5f), Vector128.Create(6f), Vector128.Create(7f), Vector128.Create(8f));
        var (s8, s9, s10, s11) = (Vector128.Create(9f), Vector128.Create(10f), Vector128.Create(11f), Vector128.Create(12f));
        for (var i = 0; i < steps; i++)
        {
            s0 = Vector128.FusedMultiplyAdd(s0, x, y);
            s1 = Vector128.FusedMultiplyAdd(s1, x, y);
            s2 = Vector128.FusedMultiplyAdd(s2, x, y);
            s3 = Vector128.FusedMultiplyAdd(s3, x, y);
            s4 = Vector128.FusedMultiplyAdd(s4, x, y);
            s5 = Vector128.FusedMultiplyAdd(s5, x, y);
            s6 = Vector128.FusedMultiplyAdd(s6, x, y);
            s7 = Vector128.FusedMultiplyAdd(s7, x, y);
            s8 = Vector128.FusedMultiplyAdd(s8, x, y);
            s9 = Vector128.FusedMultiplyAdd(s9, x, y);
            s10 = Vector128.FusedMultiplyAdd(s10, x, y);
            s11 = Vector128.FusedMultiplyAdd(s11, x, y);
        }

        return (long)Vector128.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11);
    }
}
