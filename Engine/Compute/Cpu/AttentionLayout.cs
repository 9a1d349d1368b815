namespace NvStream.Compute.Cpu;

/// <summary>A worker's attention workspace: converted keys and values of a block, and a tile's queries and states.</summary>
internal readonly unsafe struct AttentionLayout(float* workspace, int stride)
{
    /// <summary>Cells that are converted and scored together: keys and values stay in the first-level cache.</summary>
    public const int Block = 32;

    /// <summary>Cells of a partial state.</summary>
    public const int Chunk = 256;

    /// <summary>Keys whose dot products with a query are formed together.</summary>
    public const int KeyGroup = 8;

    /// <summary>Queries that share a block's conversion.</summary>
    public const int TileQueries = 32;

    /// <summary>Widest head.</summary>
    public const int MaxHeadDim = 512;

    /// <summary>Floats before a state's sums: maximum, sum of weights, and room that keeps the sums on their own cache line.</summary>
    public const int StateHeader = 16;

    public float* Keys { get; } = workspace;

    public float* Values { get; } = workspace + (Block * stride);

    public float* Queries { get; } = workspace + (2 * Block * stride);

    public float* Partials { get; } = workspace + (((2 * Block) + TileQueries) * stride);

    public float* Totals { get; } =
        workspace + (((2 * Block) + TileQueries) * stride) + (TileQueries * (StateHeader + stride));

    public float* Scores { get; } =
        workspace + (((2 * Block) + TileQueries) * stride) + (2 * TileQueries * (StateHeader + stride));

    public int StateFloats { get; } = StateHeader + stride;

    /// <summary>A head's pitch in the workspace: whole vectors of every width.</summary>
    public static int Stride(int headDim) => (headDim + 15) & -16;

    /// <summary>Floats of a workspace for heads of up to this pitch.</summary>
    public static long Floats(int stride) =>
        (((2L * Block) + TileQueries) * stride) + (2L * TileQueries * (StateHeader + stride)) + Block;
}
