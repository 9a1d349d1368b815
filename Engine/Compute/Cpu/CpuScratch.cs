using NvStream.Compute.Cpu.Formats;

namespace NvStream.Compute.Cpu;

/// <summary>The device's working memory between and inside operations: one block, laid out once for the largest pass.</summary>
internal sealed unsafe class CpuScratch : IDisposable
{
    /// <summary>Most bytes for the partial states of attention that is split over contexts.</summary>
    const long MaxPartialBytes = 1 << 20;

    /// <summary>Rows that are padded at a time for float weights whose width is no multiple of 16.</summary>
    const int PaddedRows = 16;

    readonly CpuMemory memory;

    public CpuScratch(int maxRows, int maxColumns, int headDim, int threads, string device)
    {
        MaxRows = maxRows;
        MaxColumns = maxColumns;
        var layout = Plan(maxRows, maxColumns, headDim, threads);
        memory = CpuMemory.Allocate(layout.Bytes, device, "scratch");
        var start = (byte*)memory.Address;
        Encoded32 = start + layout.Encoded32;
        Encoded256 = start + layout.Encoded256;
        Padded = start + layout.Padded;
        PaddedLength = layout.PaddedBytes;
        Angles = new RopeAngles(
            (float*)(start + layout.Angles), (float*)(start + layout.Frequencies), (int*)(start + layout.Positions), maxRows);
        FirstItem = (int*)(start + layout.FirstItem);
        Workspaces = (float*)(start + layout.Workspaces);
        WorkspaceFloats = layout.WorkspaceFloats;
        Partials = (float*)(start + layout.Partials);
        PartialFloats = layout.PartialBytes / sizeof(float);
    }

    public int MaxRows { get; }

    public int MaxColumns { get; }

    /// <summary>A matrix product's input rows, encoded for weights of 32-element blocks, and of 256-element blocks.</summary>
    public byte* Encoded32 { get; }

    public byte* Encoded256 { get; }

    /// <summary>Some input rows, padded for float weights.</summary>
    public byte* Padded { get; }

    public long PaddedLength { get; }

    public RopeAngles Angles { get; }

    /// <summary>Room for <see cref="MaxRows"/> + 1 numbers.</summary>
    public int* FirstItem { get; }

    public float* Workspaces { get; }

    public long WorkspaceFloats { get; }

    public float* Partials { get; }

    public long PartialFloats { get; }

    public static long Bytes(int maxRows, int maxColumns, int headDim, int threads) => Plan(maxRows, maxColumns, headDim, threads).Bytes;

    public void Dispose() => memory.Dispose();

    static Layout Plan(int maxRows, int maxColumns, int headDim, int threads)
    {
        // Formats with blocks of 256 never see other widths, but the widest input overall may have one.
        var columns = checked((int)Align(maxColumns, 256));
        var headStride = AttentionLayout.Stride(headDim);
        var layout = new Layout
        {
            WorkspaceFloats = Align(AttentionLayout.Floats(headStride), 64),
        };
        var end = 0L;
        layout.Encoded32 = Take(ref end, maxRows * Activations.RowBytes(ActivationEncoding.Q8_32, columns));
        layout.Encoded256 = Take(ref end, maxRows * Activations.RowBytes(ActivationEncoding.Q8_256, columns));
        layout.PaddedBytes = Math.Min(maxRows, PaddedRows) * Activations.RowBytes(ActivationEncoding.F32, columns);
        layout.Padded = Take(ref end, layout.PaddedBytes);
        layout.Angles = Take(ref end, RopeAngles.TableFloats(maxRows, headDim) * sizeof(float));
        layout.Frequencies = Take(ref end, headDim / 2 * sizeof(float));
        layout.Positions = Take(ref end, 2L * maxRows * sizeof(int));
        layout.FirstItem = Take(ref end, (maxRows + 1L) * sizeof(int));
        layout.Workspaces = Take(ref end, threads * layout.WorkspaceFloats * sizeof(float));

        // A row's states are about as wide as its queries; two chunks a thread in flight keep all of them busy.
        layout.PartialBytes = Math.Min(MaxPartialBytes, (2L * threads + 2) * 2 * columns * sizeof(float));
        layout.Partials = Take(ref end, layout.PartialBytes);
        layout.Bytes = end;
        return layout;
    }

    static long Take(ref long end, long bytes)
    {
        var begin = end;
        end = checked(end + Align(bytes, 64));
        return begin;
    }

    static long Align(long value, long unit) => (value + unit - 1) / unit * unit;

    struct Layout
    {
        public long Encoded32;
        public long Encoded256;
        public long Padded;
        public long PaddedBytes;
        public long Angles;
        public long Frequencies;
        public long Positions;
        public long FirstItem;
        public long Workspaces;
        public long WorkspaceFloats;
        public long Partials;
        public long PartialBytes;
        public long Bytes;
    }
}
