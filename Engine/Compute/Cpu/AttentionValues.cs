using System.Runtime.CompilerServices;

namespace NvStream.Compute.Cpu;

/// <summary>
/// Weighted sums of a block's values: sums = sums * fade + weight . value, cell after cell, the same bits from every
/// method here. A state's fade is what its softmax left in it.
/// </summary>
internal static unsafe class AttentionValues<TWidth, TVector, TCells>
    where TWidth : IWidth<TVector>
    where TVector : struct
    where TCells : struct, IAttentionCells<TVector>
{
    const int Block = AttentionLayout.Block;
    const int Fade = AttentionLayout.StateFade;
    const int Sums = AttentionLayout.StateHeader;

    /// <summary>Four queries, two vectors of their sums at a time: six loads for eight multiply-adds.</summary>
    /// <param name="weights">Query i's weights begin at i * <see cref="AttentionLayout.Block"/>.</param>
    /// <param name="states">Query i's state begins at i * <paramref name="pitch"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddToFour(
        float* weights, int cells, byte* values, int stride, float* states, long pitch, Lookahead.Part ahead)
    {
        var lanes = TWidth.Count;
        var lines = ahead.LinesPer(Math.Max(1, stride / (2 * lanes)));
        nint count = cells;
        var row = (nint)stride * TCells.Bytes;
        var s0 = states + Sums;
        var s1 = s0 + pitch;
        var s2 = s1 + pitch;
        var s3 = s2 + pitch;
        var d = 0;
        for (; d <= stride - (2 * lanes); d += 2 * lanes)
        {
            ahead.Fetch(lines);
            var fade = TWidth.Broadcast(states[Fade]);
            var a0 = TWidth.Multiply(TWidth.Load(s0 + d), fade);
            var b0 = TWidth.Multiply(TWidth.Load(s0 + d + lanes), fade);
            fade = TWidth.Broadcast(states[pitch + Fade]);
            var a1 = TWidth.Multiply(TWidth.Load(s1 + d), fade);
            var b1 = TWidth.Multiply(TWidth.Load(s1 + d + lanes), fade);
            fade = TWidth.Broadcast(states[(2 * pitch) + Fade]);
            var a2 = TWidth.Multiply(TWidth.Load(s2 + d), fade);
            var b2 = TWidth.Multiply(TWidth.Load(s2 + d + lanes), fade);
            fade = TWidth.Broadcast(states[(3 * pitch) + Fade]);
            var a3 = TWidth.Multiply(TWidth.Load(s3 + d), fade);
            var b3 = TWidth.Multiply(TWidth.Load(s3 + d + lanes), fade);
            var value = values + (d * TCells.Bytes);
            for (nint j = 0; j < count; j++)
            {
                var (first, second) = (TCells.Load(value, 0), TCells.Load(value, lanes));
                var weight = TWidth.Broadcast(weights[j]);
                a0 = TWidth.MultiplyAdd(weight, first, a0);
                b0 = TWidth.MultiplyAdd(weight, second, b0);
                weight = TWidth.Broadcast(weights[j + Block]);
                a1 = TWidth.MultiplyAdd(weight, first, a1);
                b1 = TWidth.MultiplyAdd(weight, second, b1);
                weight = TWidth.Broadcast(weights[j + (2 * Block)]);
                a2 = TWidth.MultiplyAdd(weight, first, a2);
                b2 = TWidth.MultiplyAdd(weight, second, b2);
                weight = TWidth.Broadcast(weights[j + (3 * Block)]);
                a3 = TWidth.MultiplyAdd(weight, first, a3);
                b3 = TWidth.MultiplyAdd(weight, second, b3);
                value += row;
            }

            TWidth.Store(a0, s0 + d);
            TWidth.Store(b0, s0 + d + lanes);
            TWidth.Store(a1, s1 + d);
            TWidth.Store(b1, s1 + d + lanes);
            TWidth.Store(a2, s2 + d);
            TWidth.Store(b2, s2 + d + lanes);
            TWidth.Store(a3, s3 + d);
            TWidth.Store(b3, s3 + d + lanes);
        }

        if (d < stride)
        {
            for (var i = 0; i < 4; i++)
            {
                var state = states + (i * pitch);
                Add1(weights + (i * Block), cells, TWidth.Broadcast(state[Fade]), values + (d * TCells.Bytes), row, state + Sums + d);
            }
        }
    }

    /// <summary>One query, as many vectors of its sums at a time as registers hold.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddToOne(float* weights, int cells, byte* values, int stride, float* state, Lookahead.Part ahead)
    {
        var lanes = TWidth.Count;
        var lines = ahead.LinesPer(Math.Max(1, stride / (8 * lanes)));
        var row = (nint)stride * TCells.Bytes;
        var fade = TWidth.Broadcast(state[Fade]);
        var sums = state + Sums;
        var d = 0;
        for (; d <= stride - (8 * lanes); d += 8 * lanes)
        {
            ahead.Fetch(lines);
            Add8(weights, cells, fade, values + (d * TCells.Bytes), row, sums + d);
        }

        for (; d <= stride - (2 * lanes); d += 2 * lanes)
        {
            Add2(weights, cells, fade, values + (d * TCells.Bytes), row, sums + d);
        }

        if (d < stride)
        {
            Add1(weights, cells, fade, values + (d * TCells.Bytes), row, sums + d);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Add8(float* weights, nint cells, TVector fade, byte* values, nint row, float* sums)
    {
        var lanes = TWidth.Count;
        var a0 = TWidth.Multiply(TWidth.Load(sums), fade);
        var a1 = TWidth.Multiply(TWidth.Load(sums + lanes), fade);
        var a2 = TWidth.Multiply(TWidth.Load(sums + (2 * lanes)), fade);
        var a3 = TWidth.Multiply(TWidth.Load(sums + (3 * lanes)), fade);
        var a4 = TWidth.Multiply(TWidth.Load(sums + (4 * lanes)), fade);
        var a5 = TWidth.Multiply(TWidth.Load(sums + (5 * lanes)), fade);
        var a6 = TWidth.Multiply(TWidth.Load(sums + (6 * lanes)), fade);
        var a7 = TWidth.Multiply(TWidth.Load(sums + (7 * lanes)), fade);
        for (nint j = 0; j < cells; j++, values += row)
        {
            var weight = TWidth.Broadcast(weights[j]);
            a0 = TWidth.MultiplyAdd(weight, TCells.Load(values, 0), a0);
            a1 = TWidth.MultiplyAdd(weight, TCells.Load(values, lanes), a1);
            a2 = TWidth.MultiplyAdd(weight, TCells.Load(values, 2 * lanes), a2);
            a3 = TWidth.MultiplyAdd(weight, TCells.Load(values, 3 * lanes), a3);
            a4 = TWidth.MultiplyAdd(weight, TCells.Load(values, 4 * lanes), a4);
            a5 = TWidth.MultiplyAdd(weight, TCells.Load(values, 5 * lanes), a5);
            a6 = TWidth.MultiplyAdd(weight, TCells.Load(values, 6 * lanes), a6);
            a7 = TWidth.MultiplyAdd(weight, TCells.Load(values, 7 * lanes), a7);
        }

        TWidth.Store(a0, sums);
        TWidth.Store(a1, sums + lanes);
        TWidth.Store(a2, sums + (2 * lanes));
        TWidth.Store(a3, sums + (3 * lanes));
        TWidth.Store(a4, sums + (4 * lanes));
        TWidth.Store(a5, sums + (5 * lanes));
        TWidth.Store(a6, sums + (6 * lanes));
        TWidth.Store(a7, sums + (7 * lanes));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Add2(float* weights, nint cells, TVector fade, byte* values, nint row, float* sums)
    {
        var lanes = TWidth.Count;
        var a0 = TWidth.Multiply(TWidth.Load(sums), fade);
        var a1 = TWidth.Multiply(TWidth.Load(sums + lanes), fade);
        for (nint j = 0; j < cells; j++, values += row)
        {
            var weight = TWidth.Broadcast(weights[j]);
            a0 = TWidth.MultiplyAdd(weight, TCells.Load(values, 0), a0);
            a1 = TWidth.MultiplyAdd(weight, TCells.Load(values, lanes), a1);
        }

        TWidth.Store(a0, sums);
        TWidth.Store(a1, sums + lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Add1(float* weights, nint cells, TVector fade, byte* values, nint row, float* sums)
    {
        var a0 = TWidth.Multiply(TWidth.Load(sums), fade);
        for (nint j = 0; j < cells; j++, values += row)
        {
            a0 = TWidth.MultiplyAdd(TWidth.Broadcast(weights[j]), TCells.Load(values, 0), a0);
        }

        TWidth.Store(a0, sums);
    }
}
