namespace NvStream.Compute.Cuda;

/// <summary>
/// Where in a device's scratch each thing lies: byte offsets, each a multiple of <see cref="Alignment"/>, for passes of
/// so many rows and columns.
/// </summary>
internal sealed record ScratchLayout
{
    public const int Alignment = 256;

    /// <summary>Columns that share a scale in the quantized encoding.</summary>
    public const int QuantGroup = 32;

    /// <summary>Rows and columns that the quantized encoding takes room for in whole (QuantLayout in Common.cuh).</summary>
    const int TiledRows = 8;
    const int QuantRound = 1024;

    const int ScaleBytes = 8;
    const int HalfBytes = 2;
    const int RowStateBytes = 8;
    const int TileBytes = 16;

    /// <param name="workBytes">What attention and top-k need for themselves; never both at once.</param>
    /// <param name="topKRows">Rows whose largest values are read back together.</param>
    public ScratchLayout(int maxRows, int maxColumns, long workBytes, int topKRows)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxColumns, 1);
        (MaxRows, MaxColumns, TopKRows) = (maxRows, maxColumns, topKRows);
        long end = 0;
        var quantRows = (maxRows + TiledRows - 1L) / TiledRows * TiledRows;
        var groups = (maxColumns + QuantRound - 1L) / QuantRound * QuantRound / QuantGroup;
        Quants = Take(ref end, quantRows, groups * QuantGroup);
        Scales = Take(ref end, quantRows, groups * ScaleBytes);
        Halves = Take(ref end, maxRows, (long)maxColumns * HalfBytes);
        RowScales = Take(ref end, maxRows, sizeof(float));
        EncodingBytes = end;
        LogitRows = Take(ref end, maxRows, sizeof(int));
        RowStates = Take(ref end, maxRows, RowStateBytes);
        Tiles = Take(ref end, maxRows, TileBytes);
        TopK = Take(ref end, 1, TopKBytes(topKRows, IComputeDevice.MaxTopK));
        Work = Take(ref end, 1, workBytes);
        Bytes = end;
    }

    public int MaxRows { get; }

    public int MaxColumns { get; }

    public int TopKRows { get; }

    public long Quants { get; }

    public long Scales { get; }

    public long Halves { get; }

    public long RowScales { get; }

    /// <summary>Bytes of the four encodings, which lie together; embedding rows are staged there, before anything is encoded.</summary>
    public long EncodingBytes { get; }

    /// <summary>int32 [row]: the rows whose logits are wanted. <see cref="RowStates"/> follows, so that one copy fills both.</summary>
    public long LogitRows { get; }

    public long RowStates { get; }

    public long Tiles { get; }

    /// <summary>Columns, then values, of the largest of <see cref="TopKRows"/> rows.</summary>
    public long TopK { get; }

    public long Work { get; }

    /// <summary>All of it.</summary>
    public long Bytes { get; }

    /// <summary>Bytes from the first column to the end of the values.</summary>
    public static long TopKBytes(int rows, int k) => TopKValues(rows, k) + ((long)rows * k * sizeof(float));

    /// <summary>Bytes from the first column to the first value.</summary>
    public static long TopKValues(int rows, int k) => Aligned((long)rows * k * sizeof(int));

    static long Aligned(long bytes) => checked(bytes + Alignment - 1) & -Alignment;

    static long Take(ref long end, long rows, long rowBytes)
    {
        var start = end;
        end = checked(start + Aligned(checked(rows * rowBytes)));
        return start;
    }
}
