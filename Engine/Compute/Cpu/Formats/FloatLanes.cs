using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>Sixteen float32 lanes. Every width adds in the same order and so gives the same bits.</summary>
internal unsafe interface IFloatLanes<TSelf>
    where TSelf : struct, IFloatLanes<TSelf>
{
    static abstract TSelf Zero { get; }

    static abstract TSelf Load(float* values);

    static abstract void Store(TSelf lanes, float* values);

    /// <summary>From sixteen float16.</summary>
    static abstract TSelf LoadFloat16(short* values);

    /// <summary>From sixteen bfloat16: the upper halves of float32.</summary>
    static abstract TSelf LoadBFloat16(short* values);

    /// <summary>x * y + z.</summary>
    static abstract TSelf MultiplyAdd(TSelf x, TSelf y, TSelf z);

    /// <summary>Lanes i and i + 8 first, then those eight.</summary>
    static abstract float Sum(TSelf x);

    /// <summary><see cref="FloatTile{TWidth, TVector}.Accumulate"/> with the vectors of these lanes.</summary>
    static abstract void Accumulate(float* panel, float* x0, float* x1, float* x2, int columns, float* sums);
}

/// <summary>Sixteen lanes in two 256-bit vectors (four of 128 bits where there is nothing wider).</summary>
internal readonly unsafe struct FloatLanes256(Vector256<float> lower, Vector256<float> upper) : IFloatLanes<FloatLanes256>
{
    readonly Vector256<float> lower = lower;
    readonly Vector256<float> upper = upper;

    public static FloatLanes256 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(Vector256<float>.Zero, Vector256<float>.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FloatLanes256 Load(float* values) => new(Vector256.Load(values), Vector256.Load(values + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(FloatLanes256 lanes, float* values)
    {
        lanes.lower.Store(values);
        lanes.upper.Store(values + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FloatLanes256 LoadFloat16(short* values) =>
        new(Float16.Load(values), Float16.Load(values + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FloatLanes256 LoadBFloat16(short* values) => new(
        (Vector256.WidenLower(Vector128.Load(values).ToVector256Unsafe()) << 16).AsSingle(),
        (Vector256.WidenLower(Vector128.Load(values + 8).ToVector256Unsafe()) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FloatLanes256 MultiplyAdd(FloatLanes256 x, FloatLanes256 y, FloatLanes256 z) => new(
        Vector256.MultiplyAddEstimate(x.lower, y.lower, z.lower),
        Vector256.MultiplyAddEstimate(x.upper, y.upper, z.upper));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(FloatLanes256 x) => Vector256.Sum(x.lower + x.upper);

    public static void Accumulate(float* panel, float* x0, float* x1, float* x2, int columns, float* sums)
    {
        if (Vector256.IsHardwareAccelerated)
        {
            FloatTile<Width256, Vector256<float>>.Accumulate(panel, x0, x1, x2, columns, sums);
        }
        else
        {
            FloatTile<Width128, Vector128<float>>.Accumulate(panel, x0, x1, x2, columns, sums);
        }
    }
}

/// <summary>Sixteen lanes in one 512-bit vector.</summary>
internal readonly unsafe struct FloatLanes512(Vector512<float> lanes) : IFloatLanes<FloatLanes512>
{
    readonly Vector512<float> lanes = lanes;

    public static FloatLanes512 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(Vector512<float>.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FloatLanes512 Load(float* values) => new(Vector512.Load(values));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(FloatLanes512 lanes, float* values) => lanes.lanes.Store(values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FloatLanes512 LoadFloat16(short* values) => new(Float16.ToSingle(Vector256.Load(values)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FloatLanes512 LoadBFloat16(short* values) =>
        new((Vector512.WidenLower(Vector256.Load(values).ToVector512Unsafe()) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FloatLanes512 MultiplyAdd(FloatLanes512 x, FloatLanes512 y, FloatLanes512 z) =>
        new(Vector512.MultiplyAddEstimate(x.lanes, y.lanes, z.lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(FloatLanes512 x) => Vector256.Sum(x.lanes.GetLower() + x.lanes.GetUpper());

    public static void Accumulate(float* panel, float* x0, float* x1, float* x2, int columns, float* sums) =>
        FloatTile<Width512, Vector512<float>>.Accumulate(panel, x0, x1, x2, columns, sums);
}
