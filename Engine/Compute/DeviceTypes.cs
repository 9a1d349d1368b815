using NvStream.Gguf;

namespace NvStream.Compute;

/// <summary>Activations in device memory: float32, row-major, one row a token.</summary>
/// <param name="Address">Device address of the first element, 64-byte aligned.</param>
/// <param name="Rows">Tokens.</param>
/// <param name="Columns">Elements of a row.</param>
public readonly record struct Matrix(nint Address, int Rows, int Columns)
{
    /// <summary>The same memory read as rows of another width (heads of a projection, say).</summary>
    public Matrix Reshape(int rows, int columns) => new(Address, rows, columns);

    /// <summary>The first <paramref name="rows"/> rows.</summary>
    public Matrix Top(int rows) => this with { Rows = rows };
}

/// <summary>
/// A weight in device memory, in the file's own encoding: <paramref name="Rows"/> outputs by
/// <paramref name="Columns"/> inputs, each row a whole number of blocks. Only 32-byte aligned, as in the file.
/// A vector (norm gain, bias) has one row.
/// </summary>
public readonly record struct Weight(nint Address, TensorType Type, int Rows, int Columns)
{
    public bool IsPresent => Address != 0;
}

/// <summary>One product of a <see cref="IComputeDevice.MatMul"/>: Y = X * W^T.</summary>
public readonly record struct Projection(Weight W, Matrix Y);

/// <summary>How rotary embedding pairs the elements of a head.</summary>
public enum RopeLayout
{
    /// <summary>Neighbours (2i, 2i+1): llama.</summary>
    Interleaved,

    /// <summary>Halves (i, i + dims/2): qwen2, qwen3 ("neox").</summary>
    Halves,
}

/// <summary>
/// Rotary embedding with every scaling rule (linear, yarn, per-dimension factors) folded into one angle a pair:
/// angle = position * Frequencies[pair]; the rotated values are multiplied by <paramref name="Magnitude"/>.
/// </summary>
/// <param name="Frequencies">Device address of Dimensions / 2 float32 values.</param>
/// <param name="Dimensions">Rotated elements of a head, even; the rest of the head passes through.</param>
public readonly record struct RopeTable(nint Frequencies, int Dimensions, float Magnitude, RopeLayout Layout);

/// <summary>
/// One layer's share of the KV cache: float16, [head][token][dim] for keys, then the same for values,
/// where token runs over the pool's <paramref name="Tokens"/> cells that all sequences share.
/// </summary>
public readonly record struct KvLayer(nint Keys, nint Values, int Tokens, int Heads, int HeadDim);

/// <summary>A sequence's rows in a pass: rows [FirstRow, FirstRow + RowCount) are its tokens at positions
/// FirstPosition, FirstPosition + 1, ...; position p lives in cell KvStart + p of the KV pool.</summary>
/// <param name="IsDecoding">Whether the rows are tokens that the sequence chose, not its prompt's.</param>
public readonly record struct SequenceSpan(int FirstRow, int RowCount, int KvStart, int FirstPosition, bool IsDecoding = false);

/// <summary>
/// Consecutive layers of a pass, for <see cref="IComputeDevice.Issue"/>: two stretches that are equal, in passes whose
/// sequences are all decoding, ask for the same operations on the same memory.
/// </summary>
/// <param name="First">First layer.</param>
/// <param name="End">Layer after the last.</param>
/// <param name="Rows">Rows of the pass.</param>
/// <param name="LogitRows">Rows whose logits are wanted.</param>
/// <param name="IsResident">Whether the layers' weights stay where they are from pass to pass.</param>
public readonly record struct Stretch(int First, int End, int Rows, int LogitRows, bool IsResident);

public enum DeviceKind
{
    Cpu,
    Cuda,
}

/// <summary>What a device is, for plans, tables and reports. Bytes in <see cref="long"/>.</summary>
public sealed record DeviceInfo
{
    /// <summary>The processor's or card's marketing name.</summary>
    public required string Name { get; init; }

    public required DeviceKind Kind { get; init; }

    public int Index { get; init; }

    public required long Memory { get; init; }

    public required long FreeMemory { get; init; }

    /// <summary>Cores the process may use (affinity and cgroup quota counted in); CPU only.</summary>
    public int? Cores { get; init; }

    /// <summary>Bits of the widest vector the kernels use; CPU only.</summary>
    public int? VectorWidth { get; init; }

    /// <summary>Instruction sets the kernels found, for reports: AVX2, AVX-512, NEON; CPU only.</summary>
    public string? InstructionSets { get; init; }

    /// <summary>"8.9"; GPUs only, like all that follows.</summary>
    public string? ComputeCapability { get; init; }

    /// <summary>The kernels this device would run: "sm_89", or "ptx" where none was built for it.</summary>
    public string? CubinTarget { get; init; }

    /// <summary>"0000:17:00.0", as the system names it.</summary>
    public string? PciAddress { get; init; }

    /// <summary>Of the link now: an idle link is clocked down, and comes back when something is copied.</summary>
    public int? PcieGeneration { get; init; }

    /// <summary>Lanes in use now, which do not change with load.</summary>
    public int? PcieWidth { get; init; }

    /// <summary>The highest generation that card and slot can do together.</summary>
    public int? MaxPcieGeneration { get; init; }

    /// <summary>The most lanes that card and slot can do together.</summary>
    public int? MaxPcieWidth { get; init; }

    /// <summary>The NUMA node it is plugged in at; null where that is not known or there is only one.</summary>
    public int? NumaNode { get; init; }

    /// <summary>Bytes of its memory that the processor and other devices can address at once (BAR1).</summary>
    public long? Bar1Memory { get; init; }

    public string? DriverVersion { get; init; }

    /// <summary>Null where the library is not there.</summary>
    public string? CuFileVersion { get; init; }

    /// <summary>Whether storage can reach this device's memory directly.</summary>
    public bool GpuDirect { get; init; }

    /// <summary>Why, or why not.</summary>
    public string? GpuDirectReason { get; init; }

    /// <summary>What it lacks for the fastest routes, whatever the path of the files.</summary>
    public IReadOnlyList<MissingCondition> MissingConditions { get; init; } = [];
}
