using System.Runtime.CompilerServices;

namespace NvStream.Compute.Cpu;

/// <summary>The operations on activations, a row or a run of elements at a time. Tails take the vectors' very arithmetic.</summary>
internal static unsafe class RowKernels<TWidth, TVector>
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    /// <summary>y = x / sqrt(mean(x^2) + epsilon) * gain; four running sums in a fixed order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RmsNorm(float* x, float* gain, float epsilon, float* y, int columns)
    {
        var step = TWidth.Count;
        var s0 = TWidth.Broadcast(0f);
        var (s1, s2, s3) = (s0, s0, s0);
        var i = 0;
        for (; i <= columns - (4 * step); i += 4 * step)
        {
            var (a, b) = (TWidth.Load(x + i), TWidth.Load(x + i + step));
            var (c, d) = (TWidth.Load(x + i + (2 * step)), TWidth.Load(x + i + (3 * step)));
            s0 = TWidth.MultiplyAdd(a, a, s0);
            s1 = TWidth.MultiplyAdd(b, b, s1);
            s2 = TWidth.MultiplyAdd(c, c, s2);
            s3 = TWidth.MultiplyAdd(d, d, s3);
        }

        for (; i <= columns - step; i += step)
        {
            var a = TWidth.Load(x + i);
            s0 = TWidth.MultiplyAdd(a, a, s0);
        }

        var sum = TWidth.Sum(TWidth.Add(TWidth.Add(s0, s1), TWidth.Add(s2, s3)));
        for (; i < columns; i++)
        {
            sum += x[i] * x[i];
        }

        var inverse = 1f / MathF.Sqrt((sum / columns) + epsilon);
        var scale = TWidth.Broadcast(inverse);
        for (i = 0; i <= columns - step; i += step)
        {
            TWidth.Store(TWidth.Multiply(TWidth.Multiply(TWidth.Load(x + i), scale), TWidth.Load(gain + i)), y + i);
        }

        for (; i < columns; i++)
        {
            y[i] = x[i] * inverse * gain[i];
        }
    }

    /// <summary>y = silu(gate) * up over any number of elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SwiGlu(float* gate, float* up, float* y, long count)
    {
        var step = TWidth.Count;
        long i = 0;
        for (; i <= count - step; i += step)
        {
            TWidth.Store(TWidth.Multiply(VectorMath<TWidth, TVector>.Silu(TWidth.Load(gate + i)), TWidth.Load(up + i)), y + i);
        }

        if (i < count)
        {
            var lanes = stackalloc float[2 * 16];
            var bytes = (count - i) * sizeof(float);
            Unsafe.CopyBlockUnaligned(lanes, gate + i, (uint)bytes);
            Unsafe.CopyBlockUnaligned(lanes + 16, up + i, (uint)bytes);
            TWidth.Store(TWidth.Multiply(VectorMath<TWidth, TVector>.Silu(TWidth.Load(lanes)), TWidth.Load(lanes + 16)), lanes);
            Unsafe.CopyBlockUnaligned(y + i, lanes, (uint)bytes);
        }
    }

    /// <summary>x += delta over any number of elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* x, float* delta, long count)
    {
        var step = TWidth.Count;
        long i = 0;
        for (; i <= count - step; i += step)
        {
            TWidth.Store(TWidth.Add(TWidth.Load(x + i), TWidth.Load(delta + i)), x + i);
        }

        for (; i < count; i++)
        {
            x[i] += delta[i];
        }
    }

    /// <summary>
    /// Rotates the first <paramref name="dimensions"/> elements of a head: x[i] * cosine[i] + x[partner of i] * sine[i],
    /// where the table carries the partner's sign.
    /// </summary>
    public static void Rotate(float* x, float* cosine, float* sine, int dimensions, RopeLayout layout)
    {
        if (layout == RopeLayout.Interleaved)
        {
            RotateNeighbours(x, cosine, sine, dimensions);
        }
        else
        {
            RotateHalves(x, cosine, sine, dimensions / 2);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void RotateNeighbours(float* x, float* cosine, float* sine, int dimensions)
    {
        var i = 0;
        for (; i <= dimensions - TWidth.Count; i += TWidth.Count)
        {
            var pair = TWidth.Load(x + i);
            var kept = TWidth.Multiply(pair, TWidth.Load(cosine + i));
            TWidth.Store(TWidth.Add(kept, TWidth.Multiply(TWidth.SwapNeighbours(pair), TWidth.Load(sine + i))), x + i);
        }

        for (; i < dimensions; i += 2)
        {
            var (first, second) = (x[i], x[i + 1]);
            x[i] = (first * cosine[i]) + (second * sine[i]);
            x[i + 1] = (second * cosine[i + 1]) + (first * sine[i + 1]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void RotateHalves(float* x, float* cosine, float* sine, int half)
    {
        var i = 0;
        for (; i <= half - TWidth.Count; i += TWidth.Count)
        {
            var (first, second) = (TWidth.Load(x + i), TWidth.Load(x + half + i));
            TWidth.Store(
                TWidth.Add(
                    TWidth.Multiply(first, TWidth.Load(cosine + i)), TWidth.Multiply(second, TWidth.Load(sine + i))),
                x + i);
            TWidth.Store(
                TWidth.Add(
                    TWidth.Multiply(second, TWidth.Load(cosine + half + i)), TWidth.Multiply(first, TWidth.Load(sine + half + i))),
                x + half + i);
        }

        for (; i < half; i++)
        {
            var (first, second) = (x[i], x[half + i]);
            x[i] = (first * cosine[i]) + (second * sine[i]);
            x[half + i] = (second * cosine[half + i]) + (first * sine[half + i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToHalf(float* source, ushort* destination, int count)
    {
        var i = 0;
        for (; i <= count - TWidth.Count; i += TWidth.Count)
        {
            TWidth.StoreHalf(TWidth.Load(source + i), destination + i);
        }

        if (i < count)
        {
            var lanes = stackalloc float[16];
            var halves = stackalloc ushort[16];
            Unsafe.CopyBlockUnaligned(lanes, source + i, (uint)(count - i) * sizeof(float));
            TWidth.StoreHalf(TWidth.Load(lanes), halves);
            Unsafe.CopyBlockUnaligned(destination + i, halves, (uint)(count - i) * sizeof(ushort));
        }
    }
}
