namespace NvStream.Compute.Cpu;

/// <summary>
/// Attention of few rows, split over the chunks of their contexts. Every query of the pass has a running total and
/// a partial state for each chunk of a wave; a wave computes as many chunks as the scratch has states for, then merges
/// them in order, so that the result is that of one worker going through all chunks.
/// </summary>
internal unsafe struct SplitAttention<TWidth, TVector>
    where TWidth : unmanaged, IWidth<TVector>
    where TVector : unmanaged
{
    AttentionShape shape;
    readonly float* states;
    readonly int queries;
    readonly int stateFloats;

    public SplitAttention(in AttentionShape original, int rows, CpuScratch scratch)
    {
        shape = original;
        shape.RowsPerTile = 1;
        states = scratch.Partials;
        stateFloats = AttentionLayout.StateHeader + shape.Stride;
        queries = rows * shape.QueryHeads;
        ChunksPerWave = (int)Math.Min(int.MaxValue, (scratch.PartialFloats / ((long)queries * stateFloats)) - 1);
    }

    /// <summary>Chunks that the scratch has room for at once; splitting needs at least two.</summary>
    public int ChunksPerWave { get; private set; }

    public void Run(CpuWorkers workers, int chunks)
    {
        // Only now: the numbers lie in scratch that the unsplit plan uses too.
        shape.NumberItems();
        ChunksPerWave = Math.Min(ChunksPerWave, chunks);
        for (var first = 0; first < chunks; first += ChunksPerWave)
        {
            var wave = new Wave
            {
                Shape = shape,
                States = states,
                StateFloats = stateFloats,
                FirstChunk = first,
                Chunks = Math.Min(ChunksPerWave, chunks - first),
                SlotsPerQuery = ChunksPerWave + 1,
                IsLast = first + ChunksPerWave >= chunks,
            };
            var partials = new PartialJob { Wave = wave };
            workers.Run(shape.FirstItem[shape.SequenceCount] * wave.Chunks, 1, ref partials);
            var merges = new MergeJob { Wave = wave };
            workers.RunTimed(queries, (wave.Chunks * shape.Stride * 0.1) + 20, ref merges);
        }
    }

    struct Wave
    {
        public AttentionShape Shape;
        public float* States;
        public int StateFloats;
        public int FirstChunk;
        public int Chunks;
        public int SlotsPerQuery;
        public bool IsLast;

        /// <summary>A query's running total; the wave's partial states follow it.</summary>
        public readonly float* Total(int query) => States + ((long)query * SlotsPerQuery * StateFloats);

        /// <summary>The number of a tile's first query among all of the pass, rows in the sequences' order.</summary>
        public readonly int Query(in AttentionTile tile)
        {
            var row = tile.FirstRow - Shape.Sequences[tile.Sequence].FirstRow;
            for (var s = 0; s < tile.Sequence; s++)
            {
                row += Shape.Sequences[s].RowCount;
            }

            return (row * Shape.QueryHeads) + tile.FirstHead;
        }

        /// <summary>A query's row in the pass, and its position.</summary>
        public readonly (int Row, int Position) Row(int query)
        {
            var row = query / Shape.QueryHeads;
            var s = 0;
            while (row >= Shape.Sequences[s].RowCount)
            {
                row -= Shape.Sequences[s++].RowCount;
            }

            return (Shape.Sequences[s].FirstRow + row, Shape.Sequences[s].FirstPosition + row);
        }
    }

    struct PartialJob : IParallelJob
    {
        public Wave Wave;

        public readonly void Execute(int begin, int end, int worker)
        {
            for (var item = begin; item < end; item++)
            {
                var (tileItem, chunk) = Math.DivRem(item, Wave.Chunks);
                var tile = Wave.Shape.Tile(tileItem);
                if ((long)(Wave.FirstChunk + chunk) * AttentionLayout.Chunk <= tile.LastPosition)
                {
                    AttentionKernel<TWidth, TVector>.AttendChunk(
                        Wave.Shape,
                        tile,
                        Wave.FirstChunk + chunk,
                        worker,
                        Wave.Total(Wave.Query(tile)) + ((1 + chunk) * (long)Wave.StateFloats),
                        (long)Wave.SlotsPerQuery * Wave.StateFloats);
                }
            }
        }
    }

    struct MergeJob : IParallelJob
    {
        public Wave Wave;

        public readonly void Execute(int begin, int end, int worker)
        {
            for (var query = begin; query < end; query++)
            {
                var (row, position) = Wave.Row(query);
                var total = Wave.Total(query);
                if (Wave.FirstChunk == 0)
                {
                    AttentionKernel<TWidth, TVector>.Reset(total, Wave.Shape.Stride);
                }

                for (var chunk = 0; chunk < Wave.Chunks; chunk++)
                {
                    if ((long)(Wave.FirstChunk + chunk) * AttentionLayout.Chunk <= position)
                    {
                        AttentionKernel<TWidth, TVector>.Merge(
                            total, total + ((1 + chunk) * (long)Wave.StateFloats), Wave.Shape.Stride);
                    }
                }

                if (Wave.IsLast)
                {
                    AttentionKernel<TWidth, TVector>.Finish(Wave.Shape, row, query % Wave.Shape.QueryHeads, total);
                }
            }
        }
    }
}
