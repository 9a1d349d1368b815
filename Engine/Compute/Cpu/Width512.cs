using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NvStream.Compute.Cpu;

/// <summary>Sixteen lanes: AVX-512.</summary>
internal readonly unsafe struct Width512 : IWidth<Vector512<float>>
{
    public static int Count => 16;

    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    public static void Store(Vector512<float> value, float* destination) => value.Store(destination);

    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    public static Vector512<float> Add(Vector512<float> left, Vector512<float> right) => left + right;

    public static Vector512<float> Subtract(Vector512<float> left, Vector512<float> right) => left - right;

    public static Vector512<float> Multiply(Vector512<float> left, Vector512<float> right) => left * right;

    public static Vector512<float> Divide(Vector512<float> left, Vector512<float> right) => left / right;

    public static Vector512<float> MultiplyAdd(Vector512<float> left, Vector512<float> right, Vector512<float> addend) =>
        Vector512.MultiplyAddEstimate(left, right, addend);

    public static Vector512<float> Min(Vector512<float> bound, Vector512<float> value) => Vector512.MinNative(bound, value);

    public static Vector512<float> Max(Vector512<float> bound, Vector512<float> value) => Vector512.MaxNative(bound, value);

    public static Vector512<float> Round(Vector512<float> value) => Vector512.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Scale(Vector512<float> value, Vector512<float> exponent)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.Scale(value, exponent);
        }

        // One factor cannot reach subnormals and infinity, two halves of the exponent can.
        var whole = Vector512.ConvertToInt32Native(exponent);
        var half = whole >> 1;
        var bias = Vector512.Create(127);
        return value * ((half + bias) << 23).AsSingle() * ((whole - half + bias) << 23).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> RaiseExponent(Vector512<float> value, Vector512<float> exponent) =>
        (value.AsInt32() + (Vector512.ConvertToInt32Native(exponent) << 23)).AsSingle();

    public static Vector512<float> SwapNeighbours(Vector512<float> value) =>
        Vector512.Shuffle(value, Vector512.Create(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));

    public static float First(Vector512<float> value) => value.ToScalar();

    public static float Sum(Vector512<float> value) => Width256.Sum(value.GetLower() + value.GetUpper());

    public static float MaxLane(Vector512<float> value) => Width256.MaxLane(Vector256.MaxNative(value.GetLower(), value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(
        float* destination,
        Vector512<float> v0,
        Vector512<float> v1,
        Vector512<float> v2,
        Vector512<float> v3,
        Vector512<float> v4,
        Vector512<float> v5,
        Vector512<float> v6,
        Vector512<float> v7)
    {
        Width256.StoreSums(
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
    public static Vector512<float> LoadHalf(ushort* source)
    {
        var bits = Vector512.WidenLower(Vector256.Load(source).ToVector512Unsafe()).AsInt32();
        var shifted = (bits & Vector512.Create(HalfBits.MagnitudeMask)) << HalfBits.Shift;
        var sign = (bits & Vector512.Create(HalfBits.SignMask)) << 16;
        var rebias = Vector512.Create(HalfBits.Rebias);
        var special = Vector512.GreaterThanOrEqual(shifted, Vector512.Create(HalfBits.ShiftedInfinity));
        var normal = shifted + rebias + (special & rebias);
        var small = Vector512.Create(HalfBits.SmallestNormal);
        var subnormal = ((shifted + small).AsSingle() - small.AsSingle()).AsInt32();
        var isSubnormal = Vector512.LessThan(shifted, Vector512.Create(HalfBits.ShiftedNormal));
        return (Vector512.ConditionalSelect(isSubnormal, subnormal, normal) | sign).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadFiniteHalf(ushort* source)
    {
        var bits = Vector512.WidenLower(Vector256.Load((short*)source).ToVector512Unsafe()) << HalfBits.Shift;
        return (bits & Vector512.Create(HalfBits.ShiftedMask)).AsSingle() * Vector512.Create(HalfBits.RebiasFactor);
    }

    public static bool AreFiniteHalves(ushort* source, int count)
    {
        var greatest = Vector512<ushort>.Zero;
        var i = 0;
        for (; i <= count - Vector512<ushort>.Count; i += Vector512<ushort>.Count)
        {
            greatest = Vector512.Max(greatest, Vector512.Load(source + i) & Vector512.Create((ushort)HalfBits.MagnitudeMask));
        }

        var finite = Vector512.LessThanAll(greatest, Vector512.Create((ushort)HalfBits.HalfInfinity));
        for (; i < count; i++)
        {
            finite &= (source[i] & HalfBits.MagnitudeMask) < HalfBits.HalfInfinity;
        }

        return finite;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreHalf(Vector512<float> value, ushort* destination)
    {
        var bits = value.AsInt32();
        var magnitude = bits & Vector512.Create(int.MaxValue);
        var sign = (bits >>> 16) & Vector512.Create(HalfBits.SignMask);

        var odd = (magnitude >>> HalfBits.Shift) & Vector512<int>.One;
        var half = (magnitude - Vector512.Create(HalfBits.Rebias - HalfBits.AlmostHalfPlace) + odd) >>> HalfBits.Shift;

        var rounder = Vector512.Create(HalfBits.SubnormalRounder);
        var subnormal = (magnitude.AsSingle() + rounder.AsSingle()).AsInt32() - rounder;
        half = Vector512.ConditionalSelect(
            Vector512.LessThan(magnitude, Vector512.Create(HalfBits.SmallestNormal)), subnormal, half);

        var payload = (magnitude >>> HalfBits.Shift) & Vector512.Create(HalfBits.HalfInfinity >> 5);
        var special = Vector512.Create(HalfBits.HalfInfinity) | (Vector512.GreaterThan(magnitude, Vector512.Create(HalfBits.SingleInfinity))
            & (payload | Vector512.Create(HalfBits.HalfNaN)));
        half = Vector512.ConditionalSelect(
            Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(HalfBits.Overflow)), special, half);

        var packed = Vector512.Narrow((half | sign).AsUInt32(), default);
        packed.GetLower().Store(destination);
    }
}
