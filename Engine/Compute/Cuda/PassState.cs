using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda;

/// <summary>
/// What kernels must know of a pass, in device memory at addresses that never change: each row's place in its sequence,
/// the rows whose logits are wanted, and the tiles of the prompts' rows. Sent once a pass; operations that name the
/// announced sequences find it there.
/// </summary>
/// <param name="upload">Puts host bytes at a device address, in the compute stream's order.</param>
/// <param name="isRecording">Whether a stretch is being recorded, so that nothing may be sent.</param>
internal sealed class PassState(CudaScratch scratch, UploadBytes upload, Func<bool> isRecording)
{
    const byte PromptRow = 1;
    const byte DecodingRow = 2;

    readonly ScratchLayout layout = scratch.Layout;
    readonly byte[] image = new byte[scratch.Layout.Tiles - scratch.Layout.LogitRows];
    readonly byte[] kinds = new byte[scratch.Layout.MaxRows];
    readonly PrefillTile[] tiles = new PrefillTile[scratch.Layout.MaxRows];
    readonly List<SequenceSpan> sequences = [];
    readonly List<RowRun> runs = [];
    readonly List<RowRun> decodingRuns = [];
    int tileRows;
    int tileCount;

    /// <summary>Rows up to the last that belongs to a sequence.</summary>
    public int Rows { get; private set; }

    /// <summary>Leading rows that are being decoded; 0 where decoding rows lie elsewhere.</summary>
    public int DecodeRows => decodingRuns is [{ First: 0 } leading] ? leading.Count : 0;

    public int LogitRowCount { get; private set; }

    /// <summary>Whether every row is a token being decoded.</summary>
    public bool IsDecoding => Rows > 0 && DecodeRows == Rows;

    /// <summary>Consecutive rows that belong to sequences: in a pass all rows, one run.</summary>
    public ReadOnlySpan<RowRun> Runs => CollectionsMarshal.AsSpan(runs);

    /// <summary>Consecutive rows that are being decoded.</summary>
    public ReadOnlySpan<RowRun> DecodingRuns => CollectionsMarshal.AsSpan(decodingRuns);

    public void Announce(ReadOnlySpan<SequenceSpan> spans, ReadOnlySpan<int> logitRows)
    {
        ThrowIfRecording();
        var rows = CountRows(spans);
        foreach (var row in logitRows)
        {
            if ((uint)row >= (uint)rows)
            {
                throw new ArgumentOutOfRangeException(nameof(logitRows), row, $"The pass has {rows} rows.");
            }
        }

        (Rows, tileRows) = (rows, 0);
        sequences.Clear();
        sequences.AddRange(spans);
        PlaceRows();
        FindRuns();
        SetLogitRows(logitRows);
        upload(image.AsSpan(0, (int)(layout.RowStates - layout.LogitRows) + (rows * Marshal.SizeOf<RowState>())), scratch.LogitRows);
    }

    /// <summary>Sees to it that the row states are those of these sequences.</summary>
    public void Use(ReadOnlySpan<SequenceSpan> spans)
    {
        if (!spans.SequenceEqual(CollectionsMarshal.AsSpan(sequences)))
        {
            Announce(spans, []);
        }
    }

    /// <summary>Device address of a row's state; those of the next rows follow.</summary>
    public nint StatesFrom(int row) => scratch.RowStates + (row * Marshal.SizeOf<RowState>());

    /// <summary>Device address of the row indices.</summary>
    public nint LogitRows(ReadOnlySpan<int> rows)
    {
        if (!rows.SequenceEqual(HostLogitRows[..LogitRowCount]))
        {
            ThrowIfRecording();
            if (rows.Length > layout.MaxRows)
            {
                throw TooLarge(rows.Length);
            }

            SetLogitRows(rows);
            upload(MemoryMarshal.AsBytes(rows), scratch.LogitRows);
        }

        return scratch.LogitRows;
    }

    /// <summary>The prompts' rows in tiles of at most <paramref name="most"/> rows of one sequence.</summary>
    public (nint Address, int Count) Tiles(int most)
    {
        if (most != tileRows)
        {
            ThrowIfRecording();
            tileCount = 0;
            foreach (var sequence in sequences)
            {
                for (var row = 0; row < sequence.RowCount && !sequence.IsDecoding; row += most)
                {
                    tiles[tileCount++] = new PrefillTile
                    {
                        FirstRow = sequence.FirstRow + row,
                        RowCount = Math.Min(most, sequence.RowCount - row),
                        FirstCell = sequence.KvStart,
                        FirstPosition = sequence.FirstPosition + row,
                    };
                }
            }

            upload(MemoryMarshal.AsBytes(tiles.AsSpan(0, tileCount)), scratch.Tiles);
            tileRows = most;
        }

        return (scratch.Tiles, tileCount);
    }

    Span<int> HostLogitRows => MemoryMarshal.Cast<byte, int>(image.AsSpan(0, layout.MaxRows * sizeof(int)));

    Span<RowState> HostStates => MemoryMarshal.Cast<byte, RowState>(image.AsSpan((int)(layout.RowStates - layout.LogitRows)));

    int CountRows(ReadOnlySpan<SequenceSpan> spans)
    {
        long end = 0;
        foreach (var span in spans)
        {
            if (span.FirstRow < 0 || span.RowCount < 0 || span.FirstPosition < 0 || span.KvStart < 0)
            {
                throw new ArgumentException($"{span} has a negative number.", nameof(spans));
            }

            end = Math.Max(end, (long)span.FirstRow + span.RowCount);
        }

        return end <= layout.MaxRows ? (int)end : throw TooLarge(end);
    }

    void PlaceRows()
    {
        Array.Clear(kinds, 0, Rows);
        var states = HostStates;
        foreach (var sequence in sequences)
        {
            for (var i = 0; i < sequence.RowCount; i++)
            {
                var row = sequence.FirstRow + i;
                if (kinds[row] != 0)
                {
                    Rows = 0;
                    sequences.Clear();
                    throw new ArgumentException($"Row {row} belongs to two sequences.", "sequences");
                }

                kinds[row] = sequence.IsDecoding ? DecodingRow : PromptRow;
                states[row] = new(sequence.FirstPosition + i, sequence.KvStart);
            }
        }
    }

    void FindRuns()
    {
        runs.Clear();
        decodingRuns.Clear();
        for (var row = 0; row < Rows; row++)
        {
            if (kinds[row] != 0)
            {
                Append(runs, row);
            }

            if (kinds[row] == DecodingRow)
            {
                Append(decodingRuns, row);
            }
        }
    }

    static void Append(List<RowRun> list, int row)
    {
        if (list.Count > 0 && list[^1].First + list[^1].Count == row)
        {
            list[^1] = list[^1] with { Count = list[^1].Count + 1 };
        }
        else
        {
            list.Add(new(row, 1));
        }
    }

    void SetLogitRows(ReadOnlySpan<int> rows)
    {
        rows.CopyTo(HostLogitRows);
        LogitRowCount = rows.Length;
    }

    void ThrowIfRecording()
    {
        if (isRecording())
        {
            throw new InvalidOperationException("A stretch that is recorded may only use the sequences and rows that BeginPass announced.");
        }
    }

    InvalidOperationException TooLarge(long rows) =>
        new($"A pass of {rows} rows exceeds the scratch reserved by ReserveScratch ({layout.MaxRows} rows).");
}

/// <summary>Consecutive rows.</summary>
internal readonly record struct RowRun(int First, int Count);

/// <summary>Puts host bytes at a device address, in the compute stream's order.</summary>
internal delegate void UploadBytes(ReadOnlySpan<byte> source, nint destination);
