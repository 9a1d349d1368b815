using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NvStream.Compute.Cpu;

/// <summary>Eight lanes: AVX2.</summary>
internal readonly unsafe struct Width256 : IWidth<Vector256<float>>
{
    public static int Count => 8;

    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    public static void Store(Vector256<float> value, float* destination) => value.Store(destination);

    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    public static Vector256<float> Add(Vector256<float> left, Vector256<float> right) => left + right;

    public static Vector256<float> Subtract(Vector256<float> left, Vector256<float> right) => left - right;

    public static Vector256<float> Multiply(Vector256<float> left, Vector256<float> right) => left * right;

    public static Vector256<float> Divide(Vector256<float> left, Vector256<float> right) => left / right;

    public static Vector256<float> MultiplyAdd(Vector256<float> left, Vector256<float> right, Vector256<float> addend) =>
        Vector256.MultiplyAddEstimate(left, right, addend);

    public static Vector256<float> Min(Vector256<float> bound, Vector256<float> value) => Vector256.MinNative(bound, value);

    public static Vector256<float> Max(Vector256<float> bound, Vector256<float> value) => Vector256.MaxNative(bound, value);

    public static Vector256<float> Round(Vector256<float> value) => Vector256.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scale(Vector256<float> value, Vector256<float> exponent)
    {
        // One factor cannot reach subnormals and infinity, two halves of the exponent can.
        var whole = Vector256.ConvertToInt32Native(exponent);
        var half = whole >> 1;
        var bias = Vector256.Create(127);
        return value * ((half + bias) << 23).AsSingle() * ((whole - half + bias) << 23).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> RaiseExponent(Vector256<float> value, Vector256<float> exponent) =>
        (value.AsInt32() + (Vector256.ConvertToInt32Native(exponent) << 23)).AsSingle();

    public static Vector256<float> SwapNeighbours(Vector256<float> value) =>
        Vector256.Shuffle(value, Vector256.Create(1, 0, 3, 2, 5, 4, 7, 6));

    public static float First(Vector256<float> value) => value.ToScalar();

    public static float Sum(Vector256<float> value) => Width128.Sum(value.GetLower() + value.GetUpper());

    public static float MaxLane(Vector256<float> value) => Width128.MaxLane(Vector128.MaxNative(value.GetLower(), value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(
        float* destination,
        Vector256<float> v0,
        Vector256<float> v1,
        Vector256<float> v2,
        Vector256<float> v3,
        Vector256<float> v4,
        Vector256<float> v5,
        Vector256<float> v6,
        Vector256<float> v7)
    {
        if (Avx.IsSupported)
        {
            // Each half holds the partial sums of its own four lanes; the last step adds the halves.
            var first = Avx.HorizontalAdd(Avx.HorizontalAdd(v0, v1), Avx.HorizontalAdd(v2, v3));
            var second = Avx.HorizontalAdd(Avx.HorizontalAdd(v4, v5), Avx.HorizontalAdd(v6, v7));
            (Avx.Permute2x128(first, second, 0x20) + Avx.Permute2x128(first, second, 0x31)).Store(destination);
            return;
        }

        Width128.StoreSums(
            destination,
            v0.GetLower() + v0.GetUpper(),
            v1.GetLower() + v1.GetUpper(),
            v2.GetLower() + v2.GetUpper(),
            v3.GetLower() + v3.GetUpper(),
            v4.GetLower() + v4.GetUpper(),
            v5.GetLower() + v5.GetUpper(),
            v6.GetLower() + v6.GetUpper(),
            v7.GetLower() + v7.GetUpper());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadHalf(ushort* source)
    {
        var bits = Vector256.WidenLower(Vector128.Load(source).ToVector256Unsafe()).AsInt32();
        var shifted = (bits & Vector256.Create(HalfBits.MagnitudeMask)) << HalfBits.Shift;
        var sign = (bits & Vector256.Create(HalfBits.SignMask)) << 16;
        var rebias = Vector256.Create(HalfBits.Rebias);
        var special = Vector256.GreaterThanOrEqual(shifted, Vector256.Create(HalfBits.ShiftedInfinity));
        var normal = shifted + rebias + (special & rebias);
        var small = Vector256.Create(HalfBits.SmallestNormal);
        var subnormal = ((shifted + small).AsSingle() - small.AsSingle()).AsInt32();
        var isSubnormal = Vector256.LessThan(shifted, Vector256.Create(HalfBits.ShiftedNormal));
        return (Vector256.ConditionalSelect(isSubnormal, subnormal, normal) | sign).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadFiniteHalf(ushort* source)
    {
        var bits = Avx2.IsSupported
            ? Avx2.ConvertToVector256Int32((short*)source)
            : Vector256.WidenLower(Vector128.Load((short*)source).ToVector256Unsafe());
        return ((bits << HalfBits.Shift) & Vector256.Create(HalfBits.ShiftedMask)).AsSingle() * Vector256.Create(HalfBits.RebiasFactor);
    }

    public static bool AreFiniteHalves(ushort* source, int count)
    {
        var greatest = Vector256<ushort>.Zero;
        var i = 0;
        for (; i <= count - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
        {
            greatest = Vector256.Max(greatest, Vector256.Load(source + i) & Vector256.Create((ushort)HalfBits.MagnitudeMask));
        }

        var finite = Vector256.LessThanAll(greatest, Vector256.Create((ushort)HalfBits.HalfInfinity));
        for (; i < count; i++)
        {
            finite &= (source[i] & HalfBits.MagnitudeMask) < HalfBits.HalfInfinity;
        }

        return finite;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreHalf(Vector256<float> value, ushort* destination)
    {
        var bits = value.AsInt32();
        var magnitude = bits & Vector256.Create(int.MaxValue);
        var sign = (bits >>> 16) & Vector256.Create(HalfBits.SignMask);

        var odd = (magnitude >>> HalfBits.Shift) & Vector256<int>.One;
        var half = (magnitude - Vector256.Create(HalfBits.Rebias - HalfBits.AlmostHalfPlace) + odd) >>> HalfBits.Shift;

        var rounder = Vector256.Create(HalfBits.SubnormalRounder);
        var subnormal = (magnitude.AsSingle() + rounder.AsSingle()).AsInt32() - rounder;
        half = Vector256.ConditionalSelect(
            Vector256.LessThan(magnitude, Vector256.Create(HalfBits.SmallestNormal)), subnormal, half);

        var payload = (magnitude >>> HalfBits.Shift) & Vector256.Create(HalfBits.HalfInfinity >> 5);
        var special = Vector256.Create(HalfBits.HalfInfinity) | (Vector256.GreaterThan(magnitude, Vector256.Create(HalfBits.SingleInfinity))
            & (payload | Vector256.Create(HalfBits.HalfNaN)));
        half = Vector256.ConditionalSelect(
            Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(HalfBits.Overflow)), special, half);

        var packed = Vector256.Narrow((half | sign).AsUInt32(), default);
        packed.GetLower().Store(destination);
    }
}
