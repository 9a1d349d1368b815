namespace NvStream.Compute.Cpu;

/// <summary>What all items of one attention share, and how the items are numbered.</summary>
internal unsafe struct AttentionShape
{
    public float* Queries;
    public float* Output;
    public ushort* Keys;
    public ushort* Values;
    public SequenceSpan* Sequences;
    public int SequenceCount;

    /// <summary>Index of each sequence's first item, and the number of all items after the last.</summary>
    public int* FirstItem;

    /// <summary>Cells of a head in the KV pool.</summary>
    public int Tokens;

    public int KvHeads;
    public int QueryHeads;
    public int HeadDim;

    /// <summary><see cref="HeadDim"/> rounded up to 16: the pitch of converted rows.</summary>
    public int Stride;

    public float Scale;

    /// <summary>Query heads of one KV head that a tile takes, and the tiles that takes for all of them.</summary>
    public int HeadsPerTile;
    public int HeadTiles;
    public int RowsPerTile;

    public float* Workspaces;
    public long WorkspaceFloats;

    public readonly int Group => QueryHeads / KvHeads;

    public readonly int RowTiles(int rows) => (rows + RowsPerTile - 1) / RowsPerTile;

    /// <summary>Numbers the items: sequence by sequence, row tile by row tile, then KV heads and their head tiles.</summary>
    public readonly void NumberItems()
    {
        var items = 0;
        for (var s = 0; s < SequenceCount; s++)
        {
            FirstItem[s] = items;
            items = checked(items + (RowTiles(Sequences[s].RowCount) * KvHeads * HeadTiles));
        }

        FirstItem[SequenceCount] = items;
    }

    public readonly AttentionTile Tile(int item)
    {
        var s = 0;
        while (FirstItem[s + 1] <= item)
        {
            s++;
        }

        var sequence = Sequences[s];
        var (rest, headTile) = Math.DivRem(item - FirstItem[s], HeadTiles);
        var (rowTile, kvHead) = Math.DivRem(rest, KvHeads);

        // Late rows have most to read: they go first, so that the workers end together.
        var firstRow = (RowTiles(sequence.RowCount) - 1 - rowTile) * RowsPerTile;
        var headInGroup = headTile * HeadsPerTile;
        return new AttentionTile
        {
            Sequence = s,
            FirstRow = sequence.FirstRow + firstRow,
            Rows = Math.Min(RowsPerTile, sequence.RowCount - firstRow),
            FirstPosition = sequence.FirstPosition + firstRow,
            KvHead = kvHead,
            FirstHead = (kvHead * Group) + headInGroup,
            Heads = Math.Min(HeadsPerTile, Group - headInGroup),
            FirstCell = ((long)kvHead * Tokens) + sequence.KvStart,
        };
    }
}

/// <summary>Some rows of a sequence and some query heads that share a KV head: query t is row t / Heads, head t % Heads.</summary>
internal struct AttentionTile
{
    public int Sequence;
    public int FirstRow;
    public int Rows;
    public int FirstPosition;
    public int KvHead;
    public int FirstHead;
    public int Heads;

    /// <summary>The sequence's position 0 in its KV head, counted in rows of HeadDim from the cache's begin.</summary>
    public long FirstCell;

    public readonly int Queries => Rows * Heads;

    public readonly int LastPosition => FirstPosition + Rows - 1;
}
