using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace NvStream.Compute.Cpu;

/// <summary>What <see cref="MemoryChecksum"/> asks of a vector of 64-bit words; all sums and products are modulo 2^64.</summary>
internal unsafe interface IChecksumLanes<TVector>
    where TVector : struct
{
    /// <summary>Words in a vector.</summary>
    static abstract int Count { get; }

    /// <summary>The keys of neighbouring words, of which the first has <paramref name="first"/>.</summary>
    static abstract TVector Keys(ulong first);

    static abstract TVector Broadcast(ulong value);

    static abstract TVector Add(TVector left, TVector right);

    /// <summary>word + low(v) * high(v) of each lane, where v = word XOR key.</summary>
    static abstract TVector Terms(ulong* words, TVector keys);

    /// <summary>The lanes' sum.</summary>
    static abstract ulong Sum(TVector value);
}

/// <summary>Two words: SSE2, NEON.</summary>
internal readonly unsafe struct ChecksumLanes128 : IChecksumLanes<Vector128<ulong>>
{
    public static int Count => Vector128<ulong>.Count;

    public static Vector128<ulong> Keys(ulong first) => Vector128.Create(first, first + MemoryChecksum.Step);

    public static Vector128<ulong> Broadcast(ulong value) => Vector128.Create(value);

    public static Vector128<ulong> Add(Vector128<ulong> left, Vector128<ulong> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> Terms(ulong* words, Vector128<ulong> keys)
    {
        var word = Vector128.Load(words);
        return word + Product(word ^ keys);
    }

    public static ulong Sum(Vector128<ulong> value) => Vector128.Sum(value);

    /// <summary>low(v) * high(v).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> Product(Vector128<ulong> v)
    {
        if (Sse2.IsSupported)
        {
            return Sse2.Multiply(v.AsUInt32(), (v >>> 32).AsUInt32());
        }

        return AdvSimd.IsSupported
            ? AdvSimd.MultiplyWideningLower(AdvSimd.ExtractNarrowingLower(v), AdvSimd.ShiftRightLogicalNarrowingLower(v, 32))
            : (v & Vector128.Create((ulong)uint.MaxValue)) * (v >>> 32);
    }
}

/// <summary>Four words: AVX2.</summary>
internal readonly unsafe struct ChecksumLanes256 : IChecksumLanes<Vector256<ulong>>
{
    public static int Count => Vector256<ulong>.Count;

    public static Vector256<ulong> Keys(ulong first) =>
        Vector256.Create(ChecksumLanes128.Keys(first), ChecksumLanes128.Keys(first + unchecked(2 * MemoryChecksum.Step)));

    public static Vector256<ulong> Broadcast(ulong value) => Vector256.Create(value);

    public static Vector256<ulong> Add(Vector256<ulong> left, Vector256<ulong> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> Terms(ulong* words, Vector256<ulong> keys)
    {
        var word = Vector256.Load(words);
        return word + Product(word ^ keys);
    }

    public static ulong Sum(Vector256<ulong> value) => Vector256.Sum(value);

    /// <summary>low(v) * high(v).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> Product(Vector256<ulong> v) => Avx2.IsSupported
        ? Avx2.Multiply(v.AsUInt32(), (v >>> 32).AsUInt32())
        : Vector256.Create(ChecksumLanes128.Product(v.GetLower()), ChecksumLanes128.Product(v.GetUpper()));
}

/// <summary>Eight words: AVX-512.</summary>
internal readonly unsafe struct ChecksumLanes512 : IChecksumLanes<Vector512<ulong>>
{
    public static int Count => Vector512<ulong>.Count;

    public static Vector512<ulong> Keys(ulong first) =>
        Vector512.Create(ChecksumLanes256.Keys(first), ChecksumLanes256.Keys(first + unchecked(4 * MemoryChecksum.Step)));

    public static Vector512<ulong> Broadcast(ulong value) => Vector512.Create(value);

    public static Vector512<ulong> Add(Vector512<ulong> left, Vector512<ulong> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Terms(ulong* words, Vector512<ulong> keys)
    {
        var word = Vector512.Load(words);
        return word + Product(word ^ keys);
    }

    public static ulong Sum(Vector512<ulong> value) => Vector512.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<ulong> Product(Vector512<ulong> v) => Avx512F.IsSupported
        ? Avx512F.Multiply(v.AsUInt32(), (v >>> 32).AsUInt32())
        : Vector512.Create(ChecksumLanes256.Product(v.GetLower()), ChecksumLanes256.Product(v.GetUpper()));
}
