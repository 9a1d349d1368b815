using System.Runtime.CompilerServices;

namespace NvStream.Compute.Cpu;

/// <summary>
/// Attention with an online softmax. A query's cells are taken in chunks of <see cref="Chunk"/> and blocks of
/// <see cref="Block"/> by absolute position. Each chunk gives a partial state (maximum m, sum l of 2^(s - m), and the
/// same sum over values; scores s count in powers of two), and the partial states are merged in order. So the additions of a query depend on its position
/// alone: not on the rows beside it, nor on whether its chunks ran on one worker or on several.
/// </summary>
internal static unsafe class AttentionKernel<TWidth, TVector>
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    const int Block = AttentionLayout.Block;
    const int Chunk = AttentionLayout.Chunk;
    const int Sums = AttentionLayout.StateHeader;
    const float Log2E = 1.44269504f;

    /// <summary>Up to so many queries convert a block in registers again rather than read a converted copy.</summary>
    const int InPlace = 4;

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
            AccumulateChunk(shape, tile, chunk, tile.LastPosition + 1, workspace, workspace.Partials, pitch);
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
        AccumulateChunk(shape, tile, chunk, Math.Min((chunk + 1) * Chunk, tile.LastPosition + 1), workspace, states, pitch);
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
        var keep = VectorMath<TWidth, TVector>.Exp2NonPositive(TWidth.Broadcast(total[0] - maximum));
        var take = VectorMath<TWidth, TVector>.Exp2NonPositive(TWidth.Broadcast(partial[0] - maximum));
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
        var sum = TWidth.Broadcast(total[1]);
        var d = 0;
        for (; d <= shape.HeadDim - TWidth.Count; d += TWidth.Count)
        {
            TWidth.Store(TWidth.Divide(TWidth.Load(total + Sums + d), sum), y + d);
        }

        for (; d < shape.HeadDim; d++)
        {
            y[d] = total[Sums + d] / total[1];
        }
    }

    /// <summary>Copies the tile's queries, times the scale and log2 e, padded with zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void LoadQueries(in AttentionShape shape, in AttentionTile tile, in AttentionLayout workspace)
    {
        var factor = shape.Scale * Log2E;
        var scale = TWidth.Broadcast(factor);
        for (var t = 0; t < tile.Queries; t++)
        {
            var row = tile.FirstRow + (t / tile.Heads);
            var head = tile.FirstHead + (t % tile.Heads);
            var source = shape.Queries + (((long)row * shape.QueryHeads + head) * shape.HeadDim);
            var query = workspace.Queries + (t * shape.Stride);
            var d = 0;
            for (; d <= shape.HeadDim - TWidth.Count; d += TWidth.Count)
            {
                TWidth.Store(TWidth.Multiply(TWidth.Load(source + d), scale), query + d);
            }

            for (; d < shape.HeadDim; d++)
            {
                query[d] = source[d] * factor;
            }

            for (; d < shape.Stride; d++)
            {
                query[d] = 0;
            }
        }
    }

    /// <summary>
    /// A chunk's blocks for all queries of the tile: first the scores of a block's keys, then its values, so that what
    /// queries read over and over fits the first-level cache.
    /// </summary>
    /// <param name="readEnd">The position at which this worker stops reading the sequence's cells.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void AccumulateChunk(
        in AttentionShape shape,
        in AttentionTile tile,
        int chunk,
        int readEnd,
        in AttentionLayout workspace,
        float* states,
        long pitch)
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
            var nextCells = Math.Min(Block, readEnd - (start + cells));

            // Queries come in the order of their rows: the first ones may end before the block.
            var first = Math.Max(0, start - tile.FirstPosition) * tile.Heads;
            var queries = tile.Queries - first;

            // The kernels round cells up, which must not reach outside the pool.
            var inPlace = queries <= InPlace && cells == Block && stride == shape.HeadDim;

            var keys = shape.Keys + firstCell;
            Lookahead ahead = new(keys + (cells * shape.HeadDim), nextCells * shape.HeadDim, queries);
            var finite = TWidth.AreFiniteHalves(keys, cells * shape.HeadDim);
            if (inPlace && finite)
            {
                Scores<StoredCells<TWidth, TVector>>(tile, first, (byte*)keys, cells, workspace, stride, ahead);
            }
            else
            {
                KvConversion<TWidth, TVector>.Block(keys, cells, shape.HeadDim, finite, workspace.Cells, stride);
                Scores<ConvertedCells<TWidth, TVector>>(tile, first, (byte*)workspace.Cells, cells, workspace, stride, ahead);
            }

            var values = shape.Values + firstCell;
            ahead = new(values + (cells * shape.HeadDim), nextCells * shape.HeadDim, queries);
            finite = TWidth.AreFiniteHalves(values, cells * shape.HeadDim);
            if (inPlace && finite)
            {
                Values<StoredCells<TWidth, TVector>>(
                    tile, first, start, (byte*)values, cells, workspace, stride, states, pitch, ahead);
            }
            else
            {
                KvConversion<TWidth, TVector>.Block(values, cells, shape.HeadDim, finite, workspace.Cells, stride);
                Values<ConvertedCells<TWidth, TVector>>(
                    tile, first, start, (byte*)workspace.Cells, cells, workspace, stride, states, pitch, ahead);
            }
        }
    }

    /// <summary>Every query's scores of the block's keys, whether it sees them or not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Scores<TCells>(
        in AttentionTile tile, int first, byte* keys, int cells, in AttentionLayout workspace, int stride, Lookahead ahead)
        where TCells : struct, IAttentionCells<TVector>
    {
        var t = first;
        for (; t <= tile.Queries - 4; t += 4)
        {
            AttentionScores<TWidth, TVector, TCells>.Four(
                workspace.Queries + (t * stride), keys, stride, cells, workspace.Scores + (t * Block), ahead.Take(4));
        }

        for (; t < tile.Queries; t++)
        {
            AttentionScores<TWidth, TVector, TCells>.One(
                workspace.Queries + (t * stride), keys, stride, cells, workspace.Scores + (t * Block), ahead.Take(1));
        }
    }

    /// <summary>Every query's softmax over the block's cells that it sees, and their values' sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Values<TCells>(
        in AttentionTile tile,
        int first,
        int start,
        byte* values,
        int cells,
        in AttentionLayout workspace,
        int stride,
        float* states,
        long pitch,
        Lookahead ahead)
        where TCells : struct, IAttentionCells<TVector>
    {
        for (var t = first; t < tile.Queries;)
        {
            var state = states + (t * pitch);
            var weights = workspace.Scores + (t * Block);
            var visible = Visible(tile, t, start, cells);
            if (t <= tile.Queries - 4 && Visible(tile, t + 3, start, cells) == visible)
            {
                for (var i = 0; i < 4; i++)
                {
                    Softmax(weights + (i * Block), visible, state + (i * pitch));
                }

                AttentionValues<TWidth, TVector, TCells>.AddToFour(
                    weights, visible, values, stride, state, pitch, ahead.Take(4));
                t += 4;
            }
            else
            {
                Softmax(weights, visible, state);
                AttentionValues<TWidth, TVector, TCells>.AddToOne(weights, visible, values, stride, state, ahead.Take(1));
                t++;
            }
        }
    }

    /// <summary>Cells of a block that a query sees.</summary>
    static int Visible(in AttentionTile tile, int query, int start, int cells) =>
        Math.Min(cells, tile.FirstPosition + (query / tile.Heads) + 1 - start);

    /// <summary>
    /// Turns scores into weights 2^(s - m) under the new maximum m, updates m and l, and leaves 2^(old m - m) in the
    /// state for the values' sum.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Softmax(float* scores, int visible, float* state)
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

        var highest = TWidth.MaxLane(peak);
        var fade = 1f;
        if (!(highest <= state[0]))
        {
            var maximum = MathF.Max(state[0], highest);
            fade = TWidth.First(VectorMath<TWidth, TVector>.Exp2NonPositive(TWidth.Broadcast(state[0] - maximum)));
            state[0] = maximum;
        }

        var shift = TWidth.Broadcast(state[0]);
        var sum = TWidth.Broadcast(0f);
        for (var j = 0; j < padded; j += lanes)
        {
            var weight = VectorMath<TWidth, TVector>.Exp2NonPositive(TWidth.Subtract(TWidth.Load(scores + j), shift));
            TWidth.Store(weight, scores + j);
            sum = TWidth.Add(sum, weight);
        }

        state[1] = (state[1] * fade) + TWidth.Sum(sum);
        state[AttentionLayout.StateFade] = fade;
    }
}
