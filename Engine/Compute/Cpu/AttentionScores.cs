using System.Runtime.CompilerServices;

namespace NvStream.Compute.Cpu;

/// <summary>
/// Dot products of queries with a block of keys. Lane i of a product's sum takes elements i, i + lanes, ... in order,
/// and the lanes are added as <see cref="IWidth{TVector}.StoreSums"/> does: the same bits from every method here.
/// </summary>
internal static unsafe class AttentionScores<TWidth, TVector, TCells>
    where TWidth : IWidth<TVector>
    where TVector : struct
    where TCells : struct, IAttentionCells<TVector>
{
    const int Block = AttentionLayout.Block;

    /// <summary>
    /// Four queries, two keys at a time: eight sums in registers, six loads for eight multiply-adds. Scores of query i go
    /// to <paramref name="scores"/> + i * <see cref="AttentionLayout.Block"/>; those behind the cells are undefined.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Four(float* queries, byte* keys, int stride, int cells, float* scores, Lookahead.Part ahead)
    {
        var lanes = TWidth.Count;
        var row = (nint)stride * TCells.Bytes;
        var sums = stackalloc float[8];
        var lines = ahead.LinesPer((cells + 1) / 2);
        for (var j = 0; j < cells; j += 2)
        {
            ahead.Fetch(lines);
            var other = keys + row;
            var q1 = queries + stride;
            var q2 = queries + (2 * stride);
            var q3 = queries + (3 * stride);
            var a0 = TWidth.Broadcast(0f);
            var (a1, a2, a3, a4, a5, a6, a7) = (a0, a0, a0, a0, a0, a0, a0);
            for (nint d = 0; d < stride; d += lanes)
            {
                var first = TCells.Load(keys, d);
                var second = TCells.Load(other, d);
                var query = TWidth.Load(queries + d);
                a0 = TWidth.MultiplyAdd(query, first, a0);
                a1 = TWidth.MultiplyAdd(query, second, a1);
                query = TWidth.Load(q1 + d);
                a2 = TWidth.MultiplyAdd(query, first, a2);
                a3 = TWidth.MultiplyAdd(query, second, a3);
                query = TWidth.Load(q2 + d);
                a4 = TWidth.MultiplyAdd(query, first, a4);
                a5 = TWidth.MultiplyAdd(query, second, a5);
                query = TWidth.Load(q3 + d);
                a6 = TWidth.MultiplyAdd(query, first, a6);
                a7 = TWidth.MultiplyAdd(query, second, a7);
            }

            TWidth.StoreSums(sums, a0, a1, a2, a3, a4, a5, a6, a7);
            *(long*)(scores + j) = *(long*)sums;
            *(long*)(scores + Block + j) = *(long*)(sums + 2);
            *(long*)(scores + (2 * Block) + j) = *(long*)(sums + 4);
            *(long*)(scores + (3 * Block) + j) = *(long*)(sums + 6);
            keys += 2 * row;
        }
    }

    /// <summary>One query, eight keys at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void One(float* query, byte* keys, int stride, int cells, float* scores, Lookahead.Part ahead)
    {
        var lanes = TWidth.Count;
        var row = (nint)stride * TCells.Bytes;
        var lines = ahead.LinesPer((cells + 7) / 8);
        for (var j = 0; j < cells; j += 8)
        {
            ahead.Fetch(lines);
            var k1 = keys + row;
            var k2 = k1 + row;
            var k3 = k2 + row;
            var k4 = k3 + row;
            var k5 = k4 + row;
            var k6 = k5 + row;
            var k7 = k6 + row;
            var a0 = TWidth.Broadcast(0f);
            var (a1, a2, a3, a4, a5, a6, a7) = (a0, a0, a0, a0, a0, a0, a0);
            for (nint d = 0; d < stride; d += lanes)
            {
                var q = TWidth.Load(query + d);
                a0 = TWidth.MultiplyAdd(q, TCells.Load(keys, d), a0);
                a1 = TWidth.MultiplyAdd(q, TCells.Load(k1, d), a1);
                a2 = TWidth.MultiplyAdd(q, TCells.Load(k2, d), a2);
                a3 = TWidth.MultiplyAdd(q, TCells.Load(k3, d), a3);
                a4 = TWidth.MultiplyAdd(q, TCells.Load(k4, d), a4);
                a5 = TWidth.MultiplyAdd(q, TCells.Load(k5, d), a5);
                a6 = TWidth.MultiplyAdd(q, TCells.Load(k6, d), a6);
                a7 = TWidth.MultiplyAdd(q, TCells.Load(k7, d), a7);
            }

            TWidth.StoreSums(scores + j, a0, a1, a2, a3, a4, a5, a6, a7);
            keys += 8 * row;
        }
    }
}
