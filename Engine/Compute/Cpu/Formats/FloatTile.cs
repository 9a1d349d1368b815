using System.Runtime.CompilerServices;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// Products of a panel of weight rows with three activation rows at a time: four weight rows' and three activation rows'
/// sums are in registers, so that seven loads serve twelve multiply-adds. A product has sixteen running sums, as
/// everywhere in <see cref="FloatFormat{TElement, TLanes}"/>; they are taken a vector at a time and lie in memory between
/// the panels of a row.
/// </summary>
internal static unsafe class FloatTile<TWidth, TVector>
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    const int Step = FloatPanel.Step;
    const int Pitch = FloatPanel.Columns;
    const int Next = FloatPanel.Rows * Step;

    /// <summary>
    /// sums[a][r] += panel row r . activation row a, lane by lane, for r under 4 and the rows at
    /// <paramref name="x0"/>, <paramref name="x1"/> and <paramref name="x2"/>.
    /// </summary>
    /// <param name="panel">Four rows, <see cref="FloatPanel.Columns"/> apart.</param>
    /// <param name="columns">A multiple of 16.</param>
    /// <param name="sums">[activation row][<see cref="FloatPanel.Rows"/>][16].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Accumulate(float* panel, float* x0, float* x1, float* x2, nint columns, float* sums)
    {
        for (nint lane = 0; lane < Step; lane += TWidth.Count)
        {
            var s = sums + lane;
            var a0 = TWidth.Load(s);
            var a1 = TWidth.Load(s + Step);
            var a2 = TWidth.Load(s + (2 * Step));
            var a3 = TWidth.Load(s + (3 * Step));
            var b0 = TWidth.Load(s + Next);
            var b1 = TWidth.Load(s + Next + Step);
            var b2 = TWidth.Load(s + Next + (2 * Step));
            var b3 = TWidth.Load(s + Next + (3 * Step));
            var c0 = TWidth.Load(s + (2 * Next));
            var c1 = TWidth.Load(s + (2 * Next) + Step);
            var c2 = TWidth.Load(s + (2 * Next) + (2 * Step));
            var c3 = TWidth.Load(s + (2 * Next) + (3 * Step));
            for (var i = lane; i < columns; i += Step)
            {
                var a = TWidth.Load(x0 + i);
                var b = TWidth.Load(x1 + i);
                var c = TWidth.Load(x2 + i);
                var weights = TWidth.Load(panel + i);
                a0 = TWidth.MultiplyAdd(weights, a, a0);
                b0 = TWidth.MultiplyAdd(weights, b, b0);
                c0 = TWidth.MultiplyAdd(weights, c, c0);
                weights = TWidth.Load(panel + Pitch + i);
                a1 = TWidth.MultiplyAdd(weights, a, a1);
                b1 = TWidth.MultiplyAdd(weights, b, b1);
                c1 = TWidth.MultiplyAdd(weights, c, c1);
                weights = TWidth.Load(panel + (2 * Pitch) + i);
                a2 = TWidth.MultiplyAdd(weights, a, a2);
                b2 = TWidth.MultiplyAdd(weights, b, b2);
                c2 = TWidth.MultiplyAdd(weights, c, c2);
                weights = TWidth.Load(panel + (3 * Pitch) + i);
                a3 = TWidth.MultiplyAdd(weights, a, a3);
                b3 = TWidth.MultiplyAdd(weights, b, b3);
                c3 = TWidth.MultiplyAdd(weights, c, c3);
            }

            TWidth.Store(a0, s);
            TWidth.Store(a1, s + Step);
            TWidth.Store(a2, s + (2 * Step));
            TWidth.Store(a3, s + (3 * Step));
            TWidth.Store(b0, s + Next);
            TWidth.Store(b1, s + Next + Step);
            TWidth.Store(b2, s + Next + (2 * Step));
            TWidth.Store(b3, s + Next + (3 * Step));
            TWidth.Store(c0, s + (2 * Next));
            TWidth.Store(c1, s + (2 * Next) + Step);
            TWidth.Store(c2, s + (2 * Next) + (2 * Step));
            TWidth.Store(c3, s + (2 * Next) + (3 * Step));
        }
    }
}
