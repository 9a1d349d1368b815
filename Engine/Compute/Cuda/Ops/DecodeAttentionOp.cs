using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda;

/// <summary>
/// Attention of decode rows, each against its own sequence's cells, split into at most 16 chunks by its own length alone;
/// a second kernel merges and encodes (AttentionDecode.cu). The grid does not depend on the lengths, so that a recorded
/// launch serves every later pass.
/// </summary>
internal sealed class DecodeAttentionOp
{
    const string Module = "AttentionDecode";

    /// <summary>MostSplits of the kernel.</summary>
    const int MostSplits = 16;

    /// <summary>Rows of a launch: what bounds the scratch.</summary>
    const int LaunchRows = 16;
    const int CombineRowThreads = 512;
    const int AnyThreads = 128;

    readonly KernelLauncher _launcher;
    readonly Sized[] _sized;
    readonly KernelFunction _any;
    readonly RowEncoding _combine;

    public DecodeAttentionOp(KernelLauncher launcher)
    {
        _launcher = launcher;
        _sized = [Size(64, 4), Size(96, 4), Size(128, 4), Size(256, 2)];
        _any = launcher.Find(Module, "attention_decode_any");
        _combine = new(
            launcher.Find(Module, "attention_combine_columns"),
            launcher.Find(Module, "attention_combine_row"),
            CombineRowThreads,
            launcher.Find(Module, "attention_combine_any"));
    }

    /// <summary>Bytes of scratch: for each row of a launch, query head and chunk its accumulators, largest score and sum.</summary>
    public static long ScratchBytes(int rows, int queryColumns, int headDim)
    {
        var parts = PartsOf(Math.Min(rows, LaunchRows), queryColumns / headDim);
        return StatsOffset(parts, headDim) + (parts * sizeof(float) * 2);
    }

    /// <param name="q">Rows of query heads; rows [0, <paramref name="rows"/>) are taken.</param>
    /// <param name="rowStates">Device address of <see cref="RowState"/>, one a row.</param>
    /// <param name="y">As q.</param>
    /// <param name="encoded">Encodings of y that are wanted.</param>
    /// <param name="scratch"><see cref="ScratchBytes"/>, 256-byte aligned.</param>
    public void Run(Matrix q, KvLayer cache, float scale, nint rowStates, int rows, Matrix y, in Encoded encoded, nint scratch)
    {
        var heads = new HeadGroups(q.Columns / cache.HeadDim, cache.Heads);
        var padded = HeadGroups.PaddedHeadDim(cache);
        var sized = default(Sized);
        foreach (var candidate in _sized)
        {
            sized = candidate.HeadDim == padded ? candidate : sized;
        }

        var wanted = RowEncoding.Of(encoded, q.Columns);
        var arguments = new Arguments
        {
            Q = q.Address,
            Cache = cache,
            States = rowStates,
            Parts = scratch,
            PartStats = scratch + (nint)StatsOffset(PartsOf(Math.Min(rows, LaunchRows), heads.QueryHeads), cache.HeadDim),
            Y = y.Address,
            Encoded = wanted,
            QueryHeads = heads.QueryHeads,
            Group = heads.Group,
            BlockHeads = heads.BlockHeads,
            GroupBlocks = heads.GroupBlocks,
            Stages = sized.Stages,
            Scale = scale * HeadGroups.Log2E,
        };
        for (var first = 0; first < rows; first += LaunchRows)
        {
            var count = Math.Min(LaunchRows, rows - first);
            arguments.FirstRow = first;
            if (padded == 0)
            {
                _launcher.Launch(_any, (heads.QueryHeads, MostSplits, count), AnyThreads, 0, arguments);
            }
            else
            {
                _launcher.Launch(sized.Kernel, (heads.Blocks, MostSplits, count), 32 * sized.Warps, sized.SharedBytes, arguments);
            }

            _combine.Launch(_launcher, count, q.Columns, wanted, arguments);
        }
    }

    static long PartsOf(int rows, int queryHeads) => (long)rows * queryHeads * MostSplits;

    static long StatsOffset(long parts, int headDim) => ((parts * headDim * sizeof(float)) + 255) & ~255L;

    /// <summary>
    /// Shared memory as the kernel lays it out: 32 rows of queries, then for each warp and stage 16 keys and 16 values,
    /// all rows 16 bytes longer than the head. Two to four stages: as many as leave room for two blocks where a
    /// multiprocessor has 228 KiB, and for one where a block may have 99.
    /// </summary>
    Sized Size(int headDim, int warps)
    {
        var rows = 32 * 2 * (headDim + 8);
        var budget = (_launcher.Architecture is >= 90 and < 120 ? 112 : 99) * 1024;
        var stages = Math.Clamp((budget - rows - 1024) / (warps * rows), 2, 4);
        return new(headDim, warps, stages, rows * (1 + (warps * stages)), _launcher.Find(Module, $"attention_decode_{headDim}"));
    }

    readonly record struct Sized(int HeadDim, int Warps, int Stages, int SharedBytes, KernelFunction Kernel);

    [StructLayout(LayoutKind.Sequential)]
    struct Arguments
    {
        public nint Q;
        public KvLayer Cache;
        public nint States;
        public nint Parts;
        public nint PartStats;
        public nint Y;
        public Encoded Encoded;
        public int QueryHeads;
        public int Group;
        public int BlockHeads;
        public int GroupBlocks;
        public int FirstRow;
        public int Stages;
        public float Scale;
    }
}
