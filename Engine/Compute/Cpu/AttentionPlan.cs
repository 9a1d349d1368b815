namespace NvStream.Compute.Cpu;

/// <summary>
/// Shares an attention's work out: tiles of rows and heads where they are enough to keep all workers busy, else (a few
/// rows over long contexts) the chunks of each tile too, whose partial states are then merged in order.
/// </summary>
internal static unsafe class AttentionPlan
{
    /// <summary>Multiply-adds a nanosecond on one thread: decides what is worth sharing.</summary>
    const double Rate = 20;

    public static void Run<TWidth, TVector>(
        CpuWorkers workers,
        CpuScratch scratch,
        Matrix q,
        KvLayer cache,
        float scale,
        SequenceSpan* sequences,
        int sequenceCount,
        Matrix y)
        where TWidth : unmanaged, IWidth<TVector>
        where TVector : unmanaged
    {
        var (rows, longest, cells) = (0, 0, 0.0);
        for (var s = 0; s < sequenceCount; s++)
        {
            var sequence = sequences[s];
            rows += sequence.RowCount;
            longest = Math.Max(longest, sequence.RowCount == 0 ? 0 : sequence.FirstPosition + sequence.RowCount);
            cells += (double)sequence.RowCount * (sequence.FirstPosition + ((sequence.RowCount + 1) / 2.0));
        }

        if (rows == 0)
        {
            return;
        }

        var group = q.Columns / cache.HeadDim / cache.Heads;
        var headsPerTile = Math.Min(group, AttentionLayout.TileQueries);
        var shape = new AttentionShape
        {
            Queries = (float*)q.Address,
            Output = (float*)y.Address,
            Keys = (ushort*)cache.Keys,
            Values = (ushort*)cache.Values,
            Sequences = sequences,
            SequenceCount = sequenceCount,
            FirstItem = scratch.FirstItem,
            Tokens = cache.Tokens,
            KvHeads = cache.Heads,
            QueryHeads = q.Columns / cache.HeadDim,
            HeadDim = cache.HeadDim,
            Stride = AttentionLayout.Stride(cache.HeadDim),
            Scale = scale,
            HeadsPerTile = headsPerTile,
            HeadTiles = (group + headsPerTile - 1) / headsPerTile,
            RowsPerTile = AttentionLayout.TileQueries / headsPerTile,
            Workspaces = scratch.Workspaces,
            WorkspaceFloats = scratch.WorkspaceFloats,
        };
        shape.NumberItems();

        var time = 2 * cells * q.Columns / Rate;
        var items = shape.FirstItem[sequenceCount];
        var chunks = (longest + AttentionLayout.Chunk - 1) / AttentionLayout.Chunk;
        if (items < 2 * workers.Count && chunks > 1 && workers.Count > 1 && time >= CpuWorkers.WorthSharing)
        {
            var split = new SplitAttention<TWidth, TVector>(shape, rows, scratch);
            if (split.ChunksPerWave > 1)
            {
                split.Run(workers, chunks);
                return;
            }
        }

        var job = new TileJob<TWidth, TVector> { Shape = shape };
        workers.RunTimed(items, time / items, ref job);
    }

    struct TileJob<TWidth, TVector> : IParallelJob
        where TWidth : IWidth<TVector>
        where TVector : struct
    {
        public AttentionShape Shape;

        public readonly void Execute(int begin, int end, int worker)
        {
            for (var item = begin; item < end; item++)
            {
                AttentionKernel<TWidth, TVector>.Attend(Shape, Shape.Tile(item), worker);
            }
        }
    }
}
