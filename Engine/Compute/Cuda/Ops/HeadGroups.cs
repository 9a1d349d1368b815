namespace NvStream.Compute.Cuda;

/// <summary>
/// How attention kernels share a KV head among its query heads: a block takes up to 16 of them, the rows of a tensor
/// core's matrix, and a larger group is cut into equal parts.
/// </summary>
internal readonly record struct HeadGroups
{
    const int MostHeads = 16;

    /// <summary>log2(e): kernels take exponentials in base 2.</summary>
    public const float Log2E = 1.44269504f;

    public HeadGroups(int queryHeads, int kvHeads)
    {
        QueryHeads = queryHeads;
        Group = queryHeads / kvHeads;
        GroupBlocks = (Group + MostHeads - 1) / MostHeads;
        BlockHeads = (Group + GroupBlocks - 1) / GroupBlocks;
        Blocks = kvHeads * GroupBlocks;
    }

    public int QueryHeads { get; }

    /// <summary>Query heads of a KV head.</summary>
    public int Group { get; }

    /// <summary>Query heads a block takes.</summary>
    public int BlockHeads { get; }

    /// <summary>Blocks of a KV head.</summary>
    public int GroupBlocks { get; }

    /// <summary>Blocks of all KV heads.</summary>
    public int Blocks { get; }

    /// <summary>
    /// The padded head that tensor-core kernels are compiled for; 0 where only the general kernel serves: heads over 256
    /// elements, or cells that are not 16-byte aligned.
    /// </summary>
    public static int PaddedHeadDim(KvLayer cache) =>
        cache.HeadDim % 8 != 0 || ((cache.Keys | cache.Values) & 15) != 0
            ? 0
            : cache.HeadDim switch { <= 64 => 64, <= 96 => 96, <= 128 => 128, <= 256 => 256, _ => 0 };
}
