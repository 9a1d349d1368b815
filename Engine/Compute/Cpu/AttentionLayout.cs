namespace NvStream.Compute.Cpu;

/// <summary>A worker's attention workspace: a block's converted cells, and a tile's queries and states.</summary>
internal readonly unsafe struct AttentionLayout(float* workspace, int stride)
{
    /// <summary>Cells that are converted and scored together: their keys, or their values, stay in the first-level cache.</summary>
    public const int Block = 32;

    /// <summary>Cells of a partial state.</summary>
    public const int Chunk = 256;

    /// <summary>Queries that share a block's conversion.</summary>
    public const int TileQueries = 32;

    /// <summary>Widest head.</summary>
    public const int MaxHeadDim = 512;

    /// <summary>Floats before a state's sums: maximum, sum of weights, fade, and room that keeps the sums on their own cache line.</summary>
    public const int StateHeader = 16;

    /// <summary>Where a state keeps what its sums are multiplied by before the block's values are added.</summary>
    public const int StateFade = 2;

    /// <summary>A block's keys, then its values, as float32: [cell][dim].</summary>
    public float* Cells { get; } = workspace;

    public float* Queries { get; } = workspace + (Block * stride);

    /// <summary>[query][cell of the block].</summary>
    public float* Scores { get; } = workspace + ((Block + TileQueries) * stride);

    public float* Partials { get; } = workspace + ((Block + TileQueries) * stride) + (TileQueries * Block);

    public float* Totals { get; } =
        workspace + ((Block + TileQueries) * stride) + (TileQueries * (Block + StateHeader + stride));

    public int StateFloats { get; } = StateHeader + stride;

    /// <summary>A head's pitch in the workspace: whole vectors of every width.</summary>
    public static int Stride(int headDim) => (headDim + 15) & -16;

    /// <summary>Floats of a workspace for heads of up to this pitch.</summary>
    public static long Floats(int stride) =>
        ((Block + TileQueries) * (long)stride) + (TileQueries * (Block + (2L * (StateHeader + stride))));
}
