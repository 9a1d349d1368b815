using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace NvStream.Compute.Cpu;

/// <summary>Four lanes: NEON, SSE and whatever else has 128-bit vectors.</summary>
internal readonly unsafe struct Width128 : IWidth<Vector128<float>>
{
    public static int Count => 4;

    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    public static void Store(Vector128<float> value, float* destination) => value.Store(destination);

    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    public static Vector128<float> Add(Vector128<float> left, Vector128<float> right) => left + right;

    public static Vector128<float> Subtract(Vector128<float> left, Vector128<float> right) => left - right;

    public static Vector128<float> Multiply(Vector128<float> left, Vector128<float> right) => left * right;

    public static Vector128<float> Divide(Vector128<float> left, Vector128<float> right) => left / right;

    public static Vector128<float> MultiplyAdd(Vector128<float> left, Vector128<float> right, Vector128<float> addend) =>
        Vector128.MultiplyAddEstimate(left, right, addend);

    public static Vector128<float> Min(Vector128<float> bound, Vector128<float> value) => Vector128.MinNative(bound, value);

    public static Vector128<float> Max(Vector128<float> bound, Vector128<float> value) => Vector128.MaxNative(bound, value);

    public static Vector128<float> Round(Vector128<float> value) => Vector128.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Scale(Vector128<float> value, Vector128<float> exponent)
    {
        // One factor cannot reach subnormals and infinity, two halves of the exponent can.
        var whole = Vector128.ConvertToInt32Native(exponent);
        var half = whole >> 1;
        var bias = Vector128.Create(127);
        return value * ((half + bias) << 23).AsSingle() * ((whole - half + bias) << 23).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> RaiseExponent(Vector128<float> value, Vector128<float> exponent) =>
        (value.AsInt32() + (Vector128.ConvertToInt32Native(exponent) << 23)).AsSingle();

    public static Vector128<float> SwapNeighbours(Vector128<float> value) =>
        Vector128.Shuffle(value, Vector128.Create(1, 0, 3, 2));

    public static float First(Vector128<float> value) => value.ToScalar();

    public static float Sum(Vector128<float> value) => Vector128.Sum(value);

    public static float MaxLane(Vector128<float> value)
    {
        value = Vector128.MaxNative(value, Vector128.Shuffle(value, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(value, Vector128.Shuffle(value, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(
        float* destination,
        Vector128<float> v0,
        Vector128<float> v1,
        Vector128<float> v2,
        Vector128<float> v3,
        Vector128<float> v4,
        Vector128<float> v5,
        Vector128<float> v6,
        Vector128<float> v7)
    {
        Sums(v0, v1, v2, v3).Store(destination);
        Sums(v4, v5, v6, v7).Store(destination + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadHalf(ushort* source)
    {
        var bits = Vector128.WidenLower(Vector64.Load(source).ToVector128Unsafe()).AsInt32();
        var shifted = (bits & Vector128.Create(HalfBits.MagnitudeMask)) << HalfBits.Shift;
        var sign = (bits & Vector128.Create(HalfBits.SignMask)) << 16;
        var rebias = Vector128.Create(HalfBits.Rebias);
        var special = Vector128.GreaterThanOrEqual(shifted, Vector128.Create(HalfBits.ShiftedInfinity));
        var normal = shifted + rebias + (special & rebias);
        var small = Vector128.Create(HalfBits.SmallestNormal);
        var subnormal = ((shifted + small).AsSingle() - small.AsSingle()).AsInt32();
        var isSubnormal = Vector128.LessThan(shifted, Vector128.Create(HalfBits.ShiftedNormal));
        return (Vector128.ConditionalSelect(isSubnormal, subnormal, normal) | sign).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadFiniteHalf(ushort* source)
    {
        var bits = Vector128.WidenLower(Vector64.Load((short*)source).ToVector128Unsafe()) << HalfBits.Shift;
        return (bits & Vector128.Create(HalfBits.ShiftedMask)).AsSingle() * Vector128.Create(HalfBits.RebiasFactor);
    }

    public static bool AreFiniteHalves(ushort* source, int count)
    {
        var greatest = Vector128<ushort>.Zero;
        var i = 0;
        for (; i <= count - Vector128<ushort>.Count; i += Vector128<ushort>.Count)
        {
            greatest = Vector128.Max(greatest, Vector128.Load(source + i) & Vector128.Create((ushort)HalfBits.MagnitudeMask));
        }

        var finite = Vector128.LessThanAll(greatest, Vector128.Create((ushort)HalfBits.HalfInfinity));
        for (; i < count; i++)
        {
            finite &= (source[i] & HalfBits.MagnitudeMask) < HalfBits.HalfInfinity;
        }

        return finite;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreHalf(Vector128<float> value, ushort* destination)
    {
        var bits = value.AsInt32();
        var magnitude = bits & Vector128.Create(int.MaxValue);
        var sign = (bits >>> 16) & Vector128.Create(HalfBits.SignMask);

        var odd = (magnitude >>> HalfBits.Shift) & Vector128<int>.One;
        var half = (magnitude - Vector128.Create(HalfBits.Rebias - HalfBits.AlmostHalfPlace) + odd) >>> HalfBits.Shift;

        var rounder = Vector128.Create(HalfBits.SubnormalRounder);
        var subnormal = (magnitude.AsSingle() + rounder.AsSingle()).AsInt32() - rounder;
        half = Vector128.ConditionalSelect(
            Vector128.LessThan(magnitude, Vector128.Create(HalfBits.SmallestNormal)), subnormal, half);

        var payload = (magnitude >>> HalfBits.Shift) & Vector128.Create(HalfBits.HalfInfinity >> 5);
        var special = Vector128.Create(HalfBits.HalfInfinity) | (Vector128.GreaterThan(magnitude, Vector128.Create(HalfBits.SingleInfinity))
            & (payload | Vector128.Create(HalfBits.HalfNaN)));
        half = Vector128.ConditionalSelect(
            Vector128.GreaterThanOrEqual(magnitude, Vector128.Create(HalfBits.Overflow)), special, half);

        var packed = Vector128.Narrow((half | sign).AsUInt32(), default);
        packed.GetLower().Store(destination);
    }

    /// <summary>Lane sums of four vectors as the lanes of one: two rounds of pairwise additions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(Vector128<float> v0, Vector128<float> v1, Vector128<float> v2, Vector128<float> v3)
    {
        if (Sse3.IsSupported)
        {
            return Sse3.HorizontalAdd(Sse3.HorizontalAdd(v0, v1), Sse3.HorizontalAdd(v2, v3));
        }

        return AdvSimd.Arm64.IsSupported
            ? AdvSimd.Arm64.AddPairwise(AdvSimd.Arm64.AddPairwise(v0, v1), AdvSimd.Arm64.AddPairwise(v2, v3))
            : Vector128.Create(Vector128.Sum(v0), Vector128.Sum(v1), Vector128.Sum(v2), Vector128.Sum(v3));
    }
}
