using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda;

/// <summary>Consecutive rows of one sequence (PrefillTile in AttentionPrefill.cu).</summary>
/// <param name="FirstCell">The KV pool's cell of the sequence's position 0.</param>
/// <param name="FirstPosition">Of FirstRow.</param>
internal readonly record struct PrefillTile(int FirstRow, int RowCount, int FirstCell, int FirstPosition);

/// <summary>Causal attention of prompt rows on tensor cores, a tile of rows and some heads a block (AttentionPrefill.cu).</summary>
internal sealed class PrefillAttentionOp
{
    const string Module = "AttentionPrefill";
    const int AnyRows = 16;
    const int AnyThreads = 128;

    readonly KernelLauncher _launcher;
    readonly Sized[] _sized;
    readonly KernelFunction _any;

    public PrefillAttentionOp(KernelLauncher launcher)
    {
        _launcher = launcher;
        _sized = [Size(64), Size(96), Size(128), Size(256)];
        _any = launcher.Find(Module, "attention_prefill_any");
    }

    /// <summary>Most rows of a <see cref="PrefillTile"/>: rows times a block's query heads fill the matrix.</summary>
    public static int TileRows(KvLayer cache, int queryHeads)
    {
        var padded = HeadGroups.PaddedHeadDim(cache);
        return padded == 0 ? AnyRows : MatrixRows(padded) / new HeadGroups(queryHeads, cache.Heads).BlockHeads;
    }

    /// <param name="tiles">Device address of <paramref name="tileCount"/> <see cref="PrefillTile"/>, in the rows' order.</param>
    /// <param name="y">As q; rows outside the tiles are left alone.</param>
    public void Run(Matrix q, KvLayer cache, float scale, nint tiles, int tileCount, Matrix y)
    {
        if (tileCount == 0)
        {
            return;
        }

        var heads = new HeadGroups(q.Columns / cache.HeadDim, cache.Heads);
        var arguments = new Arguments
        {
            Q = q.Address,
            Y = y.Address,
            Cache = cache,
            Tiles = tiles,
            QueryHeads = heads.QueryHeads,
            Group = heads.Group,
            BlockHeads = heads.BlockHeads,
            GroupBlocks = heads.GroupBlocks,
            Scale = scale * HeadGroups.Log2E,
        };
        var padded = HeadGroups.PaddedHeadDim(cache);
        foreach (var sized in _sized)
        {
            if (sized.HeadDim == padded)
            {
                _launcher.Launch(sized.Kernel, (heads.Blocks, tileCount, 1), sized.Threads, sized.SharedBytes, arguments);
                return;
            }
        }

        _launcher.Launch(_any, (heads.QueryHeads, tileCount, AnyRows), AnyThreads, 0, arguments);
    }

    static int MatrixRows(int padded) => padded == 256 ? 64 : 128;

    /// <summary>
    /// Shared memory as the kernel lays it out: two stages of keys and values (64 cells, 32 of heads of 256), rows 16
    /// bytes longer than the head; heads of 256 keep 64 rows of queries beside them, 99 KiB in all.
    /// </summary>
    Sized Size(int headDim)
    {
        var rows = headDim == 256 ? (2 * 2 * 32) + 64 : 2 * 2 * 64;
        var kernel = _launcher.Find(Module, $"attention_prefill_{headDim}");
        return new(headDim, 2 * MatrixRows(headDim), rows * 2 * (headDim + 8), kernel);
    }

    readonly record struct Sized(int HeadDim, int Threads, int SharedBytes, KernelFunction Kernel);

    [StructLayout(LayoutKind.Sequential)]
    struct Arguments
    {
        public nint Q;
        public nint Y;
        public KvLayer Cache;
        public nint Tiles;
        public int QueryHeads;
        public int Group;
        public int BlockHeads;
        public int GroupBlocks;
        public float Scale;
    }
}
