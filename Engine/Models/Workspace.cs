using NvStream.Compute;

namespace NvStream.Models;

/// <summary>Device memory for a pass's activations: allocated once for the largest pass, cut to size for each.</summary>
public sealed class Workspace : IDisposable
{
    /// <summary>Kernels want 64-byte aligned rows' starts; a matrix's own start is enough.</summary>
    const int Alignment = 64;

    readonly DeviceMemory _memory;
    readonly ModelSpec _spec;
    readonly int _maxRows;
    readonly int _maxLogits;

    public Workspace(IComputeDevice device, ModelSpec spec, int maxRows, int maxLogits)
    {
        _spec = spec;
        _maxRows = maxRows;
        _maxLogits = maxLogits;
        _memory = device.Allocate(ActivationBytes(spec, maxRows, maxLogits), "activations");
        device.ReserveScratch(maxRows, WidestInput(spec), spec.HeadDim);

        var frequencies = spec.Rope.Frequencies;
        Rope = new(_memory.Address + (nint)End(spec, maxRows, maxLogits), spec.Rope.Dimensions, spec.Rope.Magnitude, spec.Rope.Layout);
        device.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(frequencies.AsSpan()), Rope.Frequencies);
    }

    public RopeTable Rope { get; }

    /// <summary>The residual stream.</summary>
    public Matrix X(int rows) => At(0, rows, _spec.Dim);

    /// <summary>The input of a block, then its output until the next norm adds it to the residual stream.</summary>
    public Matrix Hidden(int rows) => At(1, rows, _spec.Dim);

    public Matrix Q(int rows) => At(2, rows, _spec.QueryDim);

    public Matrix K(int rows) => At(3, rows, _spec.KvDim);

    public Matrix V(int rows) => At(4, rows, _spec.KvDim);

    public Matrix Attended(int rows) => At(5, rows, _spec.QueryDim);

    public Matrix Gate(int rows) => At(6, rows, _spec.FfnDim);

    public Matrix Up(int rows) => At(7, rows, _spec.FfnDim);

    public Matrix Logits(int rows) => At(8, rows, _spec.VocabularySize);

    /// <summary>Bytes of device memory for passes of this size, the device's own scratch included; each cut at 4 KiB.</summary>
    public static long BytesOf(IComputeDevice device, ModelSpec spec, int maxRows, int maxLogits) =>
        MemoryCut.Up(ActivationBytes(spec, maxRows, maxLogits)) + MemoryCut.Up(device.ScratchBytes(maxRows, WidestInput(spec), spec.HeadDim));

    public void Dispose() => _memory.Dispose();

    static int WidestInput(ModelSpec spec) => Math.Max(Math.Max(spec.Dim, spec.QueryDim), spec.FfnDim);

    static long ActivationBytes(ModelSpec spec, int maxRows, int maxLogits) =>
        End(spec, maxRows, maxLogits) + spec.Rope.Frequencies.Length * sizeof(float);

    static long End(ModelSpec spec, int maxRows, int maxLogits) => Offset(spec, maxRows, maxLogits, 9);

    /// <summary>Byte offset of the index-th matrix.</summary>
    static long Offset(ModelSpec spec, int maxRows, int maxLogits, int index)
    {
        ReadOnlySpan<int> widths = [spec.Dim, spec.Dim, spec.QueryDim, spec.KvDim, spec.KvDim, spec.QueryDim, spec.FfnDim, spec.FfnDim, spec.VocabularySize];
        long offset = 0;
        for (var i = 0; i < index; i++)
        {
            var bytes = (long)widths[i] * sizeof(float) * (i == 8 ? maxLogits : maxRows);
            offset += (bytes + Alignment - 1) / Alignment * Alignment;
        }

        return offset;
    }

    Matrix At(int index, int rows, int columns) => new(_memory.Address + (nint)Offset(_spec, _maxRows, _maxLogits, index), rows, columns);
}
