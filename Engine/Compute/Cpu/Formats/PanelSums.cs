using System.Runtime.CompilerServices;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// Products of a panel's quants with one activation row or four, a few steps long, in sums of 16 bits: widening these once
/// for several steps is what makes bytes fast without instructions for it.
/// </summary>
internal static unsafe class PanelSums<TLanes, TVector>
    where TLanes : struct, IPanelLanes<TVector>
    where TVector : struct
{
    static int VectorBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Rows * 4;
    }

    /// <summary>The sums over 1, 2, 4 or 8 steps of one activation row.</summary>
    /// <param name="stride">Bytes from a step's vector to the next step's.</param>
    /// <param name="steps">A constant at every call.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Add(byte* panel, int stride, int steps, byte* activations)
    {
        var sum = Product(panel, activations);
        for (var step = 1; step < steps; step++)
        {
            sum = TLanes.AddShorts(sum, Product(panel + step * stride, activations + step * 4));
        }

        return sum;
    }

    /// <summary>The same of four activation rows, whose loads of the panel are shared.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(
        byte* panel, int stride, int steps, byte* a0, byte* a1, byte* a2, byte* a3,
        out TVector s0, out TVector s1, out TVector s2, out TVector s3)
    {
        var weights = TLanes.Load(panel);
        s0 = TLanes.DotBytes(weights, TLanes.Broadcast(a0));
        s1 = TLanes.DotBytes(weights, TLanes.Broadcast(a1));
        s2 = TLanes.DotBytes(weights, TLanes.Broadcast(a2));
        s3 = TLanes.DotBytes(weights, TLanes.Broadcast(a3));
        if (steps > 1)
        {
            AddStep(panel, stride, 1, a0, a1, a2, a3, ref s0, ref s1, ref s2, ref s3);
        }

        if (steps > 2)
        {
            AddStep(panel, stride, 2, a0, a1, a2, a3, ref s0, ref s1, ref s2, ref s3);
            AddStep(panel, stride, 3, a0, a1, a2, a3, ref s0, ref s1, ref s2, ref s3);
        }

        if (steps > 4)
        {
            AddStep(panel, stride, 4, a0, a1, a2, a3, ref s0, ref s1, ref s2, ref s3);
            AddStep(panel, stride, 5, a0, a1, a2, a3, ref s0, ref s1, ref s2, ref s3);
            AddStep(panel, stride, 6, a0, a1, a2, a3, ref s0, ref s1, ref s2, ref s3);
            AddStep(panel, stride, 7, a0, a1, a2, a3, ref s0, ref s1, ref s2, ref s3);
        }
    }

    /// <summary>The sums over the eight steps of a block of two planes, whose loads of the activations are shared.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddPlanes(
        byte* panel, byte* a0, byte* a1, byte* a2, byte* a3,
        out TVector s0, out TVector s1, out TVector s2, out TVector s3,
        out TVector h0, out TVector h1, out TVector h2, out TVector h3)
    {
        s0 = s1 = s2 = s3 = h0 = h1 = h2 = h3 = default;
        for (var step = 0; step < 8; step += 2)
        {
            AddPlanesStep(panel, a0, a1, a2, a3, ref s0, ref s1, ref s2, ref s3, ref h0, ref h1, ref h2, ref h3);
            AddPlanesStep(
                panel + 2 * VectorBytes, a0 + 4, a1 + 4, a2 + 4, a3 + 4,
                ref s0, ref s1, ref s2, ref s3, ref h0, ref h1, ref h2, ref h3);
            panel += 4 * VectorBytes;
            a0 += 8;
            a1 += 8;
            a2 += 8;
            a3 += 8;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddPlanesStep(
        byte* panel, byte* a0, byte* a1, byte* a2, byte* a3,
        ref TVector s0, ref TVector s1, ref TVector s2, ref TVector s3,
        ref TVector h0, ref TVector h1, ref TVector h2, ref TVector h3)
    {
        var low = TLanes.Load(panel);
        var high = TLanes.Load(panel + VectorBytes);
        var a = TLanes.Broadcast(a0);
        s0 = TLanes.AddShorts(s0, TLanes.DotBytes(low, a));
        h0 = TLanes.AddShorts(h0, TLanes.DotBytes(high, a));
        a = TLanes.Broadcast(a1);
        s1 = TLanes.AddShorts(s1, TLanes.DotBytes(low, a));
        h1 = TLanes.AddShorts(h1, TLanes.DotBytes(high, a));
        a = TLanes.Broadcast(a2);
        s2 = TLanes.AddShorts(s2, TLanes.DotBytes(low, a));
        h2 = TLanes.AddShorts(h2, TLanes.DotBytes(high, a));
        a = TLanes.Broadcast(a3);
        s3 = TLanes.AddShorts(s3, TLanes.DotBytes(low, a));
        h3 = TLanes.AddShorts(h3, TLanes.DotBytes(high, a));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddStep(
        byte* panel, int stride, int step, byte* a0, byte* a1, byte* a2, byte* a3,
        ref TVector s0, ref TVector s1, ref TVector s2, ref TVector s3)
    {
        var weights = TLanes.Load(panel + step * stride);
        s0 = TLanes.AddShorts(s0, TLanes.DotBytes(weights, TLanes.Broadcast(a0 + step * 4)));
        s1 = TLanes.AddShorts(s1, TLanes.DotBytes(weights, TLanes.Broadcast(a1 + step * 4)));
        s2 = TLanes.AddShorts(s2, TLanes.DotBytes(weights, TLanes.Broadcast(a2 + step * 4)));
        s3 = TLanes.AddShorts(s3, TLanes.DotBytes(weights, TLanes.Broadcast(a3 + step * 4)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TVector Product(byte* panel, byte* activations) => TLanes.DotBytes(TLanes.Load(panel), TLanes.Broadcast(activations));
}
