using System.Runtime.CompilerServices;

namespace NvStream.Compute.Cpu;

/// <summary>Elementary functions on vectors.</summary>
internal static class VectorMath<TWidth, TVector>
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    // Beyond these e^x rounds to 0 and to infinity.
    const float Lowest = -104f;
    const float Highest = 89f;

    // ln 2 as a sum whose first part has trailing zeros: n * Ln2High is exact for every exponent.
    const float Log2E = 1.44269504f;
    const float Ln2High = 0.693359375f;
    const float Ln2Low = -2.12194440e-4f;

    /// <summary>
    /// e^x within 2 units in the last place; 0 and infinity where float32 ends, NaN for NaN, exactly 1 for 0.
    /// x = n ln 2 + r with |r| at most ln 2 / 2; e^r = 1 + r + r^2 P(r), P the minimax polynomial of Cephes' expf.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp(TVector x)
    {
        x = TWidth.Min(TWidth.Broadcast(Highest), TWidth.Max(TWidth.Broadcast(Lowest), x));
        var n = TWidth.Round(TWidth.Multiply(x, TWidth.Broadcast(Log2E)));
        var r = TWidth.MultiplyAdd(n, TWidth.Broadcast(-Ln2High), x);
        r = TWidth.MultiplyAdd(n, TWidth.Broadcast(-Ln2Low), r);

        var p = TWidth.Broadcast(1.9875691500e-4f);
        p = TWidth.MultiplyAdd(p, r, TWidth.Broadcast(1.3981999507e-3f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Broadcast(8.3334519073e-3f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Broadcast(4.1665795894e-2f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Broadcast(1.6666665459e-1f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Broadcast(5.0000001201e-1f));
        p = TWidth.MultiplyAdd(p, TWidth.Multiply(r, r), r);
        return TWidth.Scale(TWidth.Add(p, TWidth.Broadcast(1f)), n);
    }

    /// <summary>
    /// 2^x for x up to 0 within a unit in the last place; 2^-125 for all less than that, NaN for NaN, exactly 1 for 0.
    /// x = n + r with |r| at most 1/2; 2^r = 1 + r P(r), P of least relative error.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp2NonPositive(TVector x)
    {
        x = TWidth.Max(TWidth.Broadcast(-125f), x);
        var n = TWidth.Round(x);
        var r = TWidth.Subtract(x, n);
        var p = TWidth.Broadcast(1.578638185e-4f);
        p = TWidth.MultiplyAdd(p, r, TWidth.Broadcast(1.341656083e-3f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Broadcast(9.617065080e-3f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Broadcast(5.550272763e-2f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Broadcast(2.402265519e-1f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Broadcast(6.931472421e-1f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Broadcast(1f));
        return TWidth.RaiseExponent(p, n);
    }

    /// <summary>x / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Silu(TVector x)
    {
        var one = TWidth.Broadcast(1f);
        return TWidth.Divide(x, TWidth.Add(one, Exp(TWidth.Subtract(TWidth.Broadcast(0f), x))));
    }
}
