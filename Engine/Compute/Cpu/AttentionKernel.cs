using System.Runtime.CompilerServices;

namespace NvStream.Compute.Cpu;

/// <summary>
/// Attention with an online softmax. A query's cells are taken in chunks of <see cref="Chunk"/> and blocks of
/// <see cref="Block"/> by absolute position. Each chunk gives a partial state (maximum m, sum l of e^(s - m), and the
/// same sum over values), and the partial states are merged in order. So the additions of a query depend on its position
/// alone: not on the rows beside it, nor on whether its chunks ran on one worker or on several.
/// </summary>
internal static unsafe class AttentionKernel<TWidth, TVector>
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    const int Block = AttentionLayout.Block;
    const int Chunk = AttentionLayout.Chunk;
    const int Keys = AttentionLayout.KeyGroup;
    const int Sums = AttentionLayout.StateHeader;

    /// <summary>All chunks of a tile, merged and written to the output.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Attend(in AttentionShape shape, in AttentionTile tile, int worker)
    {
        var workspace = new AttentionLayout(shape.Workspaces + (worker * shape.WorkspaceFloats), shape.Stride);
        var pitch = workspace.StateFloats;
        LoadQueries(shape, tile, workspace);
        for (var t = 0; t < tile.Queries; t++)
        {
            Reset(workspace.Totals + (t * pitch), shape.Stride);
        }

        for (var chunk = 0; chunk * Chunk <= tile.LastPosition; chunk++)
        {
            AccumulateChunk(shape, tile, chunk, workspace, workspace.Partials, pitch);
            for (var t = 0; t < tile.Queries; t++)
            {
                if (tile.FirstPosition + (t / tile.Heads) >= chunk * Chunk)
                {
                    Merge(workspace.Totals + (t * pitch), workspace.Partials + (t * pitch), shape.Stride);
                }
            }
        }

        for (var t = 0; t < tile.Queries; t++)
        {
            var row = tile.FirstRow + (t / tile.Heads);
            Finish(shape, row, tile.FirstHead + (t % tile.Heads), workspace.Totals + (t * pitch));
        }
    }

    /// <summary>One chunk of a tile; query t's partial state goes to <paramref name="states"/> + t * <paramref name="pitch"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AttendChunk(in AttentionShape shape, in AttentionTile tile, int chunk, int worker, float* states, long pitch)
    {
        var workspace = new AttentionLayout(shape.Workspaces + (worker * shape.WorkspaceFloats), shape.Stride);
        LoadQueries(shape, tile, workspace);
        AccumulateChunk(shape, tile, chunk, workspace, states, pitch);
    }

    public static void Reset(float* state, int stride)
    {
        state[0] = float.NegativeInfinity;
        state[1] = 0;
        new Span<float>(state + Sums, stride).Clear();
    }

    /// <summary>total = total + partial, both brought to the greater maximum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Merge(float* total, float* partial, int stride)
    {
        var maximum = MathF.Max(total[0], partial[0]);
        var keep = VectorMath<TWidth, TVector>.Exp(TWidth.Broadcast(total[0] - maximum));
        var take = VectorMath<TWidth, TVector>.Exp(TWidth.Broadcast(partial[0] - maximum));
        var sum = TWidth.MultiplyAdd(
            TWidth.Broadcast(partial[1]), take, TWidth.Multiply(TWidth.Broadcast(total[1]), keep));
        for (var d = 0; d < stride; d += TWidth.Count)
        {
            var kept = TWidth.Multiply(TWidth.Load(total + Sums + d), keep);
            TWidth.Store(TWidth.MultiplyAdd(TWidth.Load(partial + Sums + d), take, kept), total + Sums + d);
        }

        total[0] = maximum;
        total[1] = TWidth.First(sum);
    }

    /// <summary>y = values' sum / weights' sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Finish(in AttentionShape shape, int row, int head, float* total)
    {
        var y = shape.Output + (((long)row * shape.QueryHeads + head) * shape.HeadDim);
        var sum = total[1];
        for (var d = 0; d < shape.HeadDim; d++)
        {
            y[d] = total[Sums + d] / sum;
        }
    }

    /// <summary>Copies the tile's queries, times the scale, padded with zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void LoadQueries(in AttentionShape shape, in AttentionTile tile, in AttentionLayout workspace)
    {
        for (var t = 0; t < tile.Queries; t++)
        {
            var row = tile.FirstRow + (t / tile.Heads);
            var head = tile.FirstHead + (t % tile.Heads);
            var source = shape.Queries + (((long)row * shape.QueryHeads + head) * shape.HeadDim);
            var query = workspace.Queries + (t * shape.Stride);
            var d = 0;
            for (; d < shape.HeadDim; d++)
            {
                query[d] = source[d] * shape.Scale;
            }

            for (; d < shape.Stride; d++)
            {
                query[d] = 0;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void AccumulateChunk(
        in AttentionShape shape, in AttentionTile tile, int chunk, in AttentionLayout workspace, float* states, long pitch)
    {
        var stride = shape.Stride;
        for (var t = 0; t < tile.Queries; t++)
        {
            Reset(states + (t * pitch), stride);
        }

        var end = Math.Min((chunk + 1) * Chunk, tile.LastPosition + 1);
        for (var start = chunk * Chunk; start < end; start += Block)
        {
            var cells = Math.Min(Block, end - start);
            var firstCell = (tile.FirstCell + start) * shape.HeadDim;
            KvConversion<TWidth, TVector>.Keys(shape.Keys + firstCell, cells, shape.HeadDim, workspace.Keys, stride);
            KvConversion<TWidth, TVector>.Values(shape.Values + firstCell, cells, shape.HeadDim, workspace.Values, stride);
            for (var t = 0; t < tile.Queries; t++)
            {
                var visible = Math.Min(cells, tile.FirstPosition + (t / tile.Heads) + 1 - start);
                if (visible > 0)
                {
                    var state = states + (t * pitch);
                    Scores(workspace.Queries + (t * stride), workspace.Keys, stride, visible, workspace.Scores);
                    var fade = Softmax(workspace.Scores, visible, state);
                    AccumulateValues(workspace.Scores, visible, fade, workspace.Values, stride, state + Sums);
                }
            }
        }
    }

    /// <summary>scores[j] = query . key j for the visible keys, eight at a time; what lies behind them is left undefined.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Scores(float* query, float* keys, int stride, int visible, float* scores)
    {
        var lanes = TWidth.Count;
        for (var j = 0; j < visible; j += Keys)
        {
            var a0 = TWidth.Broadcast(0f);
            var (a1, a2, a3, a4, a5, a6, a7) = (a0, a0, a0, a0, a0, a0, a0);
            for (var d = 0; d < stride; d += lanes)
            {
                var q = TWidth.Load(query + d);
                a0 = TWidth.MultiplyAdd(q, TWidth.Load(keys), a0);
                a1 = TWidth.MultiplyAdd(q, TWidth.Load(keys + lanes), a1);
                a2 = TWidth.MultiplyAdd(q, TWidth.Load(keys + (2 * lanes)), a2);
                a3 = TWidth.MultiplyAdd(q, TWidth.Load(keys + (3 * lanes)), a3);
                a4 = TWidth.MultiplyAdd(q, TWidth.Load(keys + (4 * lanes)), a4);
                a5 = TWidth.MultiplyAdd(q, TWidth.Load(keys + (5 * lanes)), a5);
                a6 = TWidth.MultiplyAdd(q, TWidth.Load(keys + (6 * lanes)), a6);
                a7 = TWidth.MultiplyAdd(q, TWidth.Load(keys + (7 * lanes)), a7);
                keys += Keys * lanes;
            }

            TWidth.StoreSums(scores + j, a0, a1, a2, a3, a4, a5, a6, a7);
        }
    }

    /// <summary>Turns scores into weights e^(s - m) under the new maximum m, updates m and l, and returns e^(old m - m).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static TVector Softmax(float* scores, int visible, float* state)
    {
        var lanes = TWidth.Count;
        var padded = (visible + lanes - 1) & -lanes;
        for (var j = visible; j < padded; j++)
        {
            scores[j] = float.NegativeInfinity;
        }

        var peak = TWidth.Load(scores);
        for (var j = lanes; j < padded; j += lanes)
        {
            peak = TWidth.Max(peak, TWidth.Load(scores + j));
        }

        var maximum = MathF.Max(state[0], TWidth.MaxLane(peak));
        var fade = VectorMath<TWidth, TVector>.Exp(TWidth.Broadcast(state[0] - maximum));
        var shift = TWidth.Broadcast(maximum);
        var sum = TWidth.Broadcast(0f);
        for (var j = 0; j < padded; j += lanes)
        {
            var weight = VectorMath<TWidth, TVector>.Exp(TWidth.Subtract(TWidth.Load(scores + j), shift));
            TWidth.Store(weight, scores + j);
            sum = TWidth.Add(sum, weight);
        }

        state[0] = maximum;
        state[1] = (state[1] * TWidth.First(fade)) + TWidth.Sum(sum);
        return fade;
    }

    /// <summary>sums = sums * fade + weights . values, as many elements at a time as registers hold sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void AccumulateValues(float* weights, int visible, TVector fade, float* values, int stride, float* sums)
    {
        var lanes = TWidth.Count;
        var d = 0;
        for (; d <= stride - (8 * lanes); d += 8 * lanes)
        {
            Accumulate8(weights, visible, fade, values + d, stride, sums + d);
        }

        for (; d <= stride - (4 * lanes); d += 4 * lanes)
        {
            Accumulate4(weights, visible, fade, values + d, stride, sums + d);
        }

        for (; d <= stride - (2 * lanes); d += 2 * lanes)
        {
            Accumulate2(weights, visible, fade, values + d, stride, sums + d);
        }

        if (d < stride)
        {
            Accumulate1(weights, visible, fade, values + d, stride, sums + d);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Accumulate8(float* weights, int visible, TVector fade, float* values, int stride, float* sums)
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
        for (var j = 0; j < visible; j++, values += stride)
        {
            var weight = TWidth.Broadcast(weights[j]);
            a0 = TWidth.MultiplyAdd(weight, TWidth.Load(values), a0);
            a1 = TWidth.MultiplyAdd(weight, TWidth.Load(values + lanes), a1);
            a2 = TWidth.MultiplyAdd(weight, TWidth.Load(values + (2 * lanes)), a2);
            a3 = TWidth.MultiplyAdd(weight, TWidth.Load(values + (3 * lanes)), a3);
            a4 = TWidth.MultiplyAdd(weight, TWidth.Load(values + (4 * lanes)), a4);
            a5 = TWidth.MultiplyAdd(weight, TWidth.Load(values + (5 * lanes)), a5);
            a6 = TWidth.MultiplyAdd(weight, TWidth.Load(values + (6 * lanes)), a6);
            a7 = TWidth.MultiplyAdd(weight, TWidth.Load(values + (7 * lanes)), a7);
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
    static void Accumulate4(float* weights, int visible, TVector fade, float* values, int stride, float* sums)
    {
        var lanes = TWidth.Count;
        var a0 = TWidth.Multiply(TWidth.Load(sums), fade);
        var a1 = TWidth.Multiply(TWidth.Load(sums + lanes), fade);
        var a2 = TWidth.Multiply(TWidth.Load(sums + (2 * lanes)), fade);
        var a3 = TWidth.Multiply(TWidth.Load(sums + (3 * lanes)), fade);
        for (var j = 0; j < visible; j++, values += stride)
        {
            var weight = TWidth.Broadcast(weights[j]);
            a0 = TWidth.MultiplyAdd(weight, TWidth.Load(values), a0);
            a1 = TWidth.MultiplyAdd(weight, TWidth.Load(values + lanes), a1);
            a2 = TWidth.MultiplyAdd(weight, TWidth.Load(values + (2 * lanes)), a2);
            a3 = TWidth.MultiplyAdd(weight, TWidth.Load(values + (3 * lanes)), a3);
        }

        TWidth.Store(a0, sums);
        TWidth.Store(a1, sums + lanes);
        TWidth.Store(a2, sums + (2 * lanes));
        TWidth.Store(a3, sums + (3 * lanes));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Accumulate2(float* weights, int visible, TVector fade, float* values, int stride, float* sums)
    {
        var lanes = TWidth.Count;
        var a0 = TWidth.Multiply(TWidth.Load(sums), fade);
        var a1 = TWidth.Multiply(TWidth.Load(sums + lanes), fade);
        for (var j = 0; j < visible; j++, values += stride)
        {
            var weight = TWidth.Broadcast(weights[j]);
            a0 = TWidth.MultiplyAdd(weight, TWidth.Load(values), a0);
            a1 = TWidth.MultiplyAdd(weight, TWidth.Load(values + lanes), a1);
        }

        TWidth.Store(a0, sums);
        TWidth.Store(a1, sums + lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Accumulate1(float* weights, int visible, TVector fade, float* values, int stride, float* sums)
    {
        var a0 = TWidth.Multiply(TWidth.Load(sums), fade);
        for (var j = 0; j < visible; j++, values += stride)
        {
            a0 = TWidth.MultiplyAdd(TWidth.Broadcast(weights[j]), TWidth.Load(values), a0);
        }

        TWidth.Store(a0, sums);
    }
}
