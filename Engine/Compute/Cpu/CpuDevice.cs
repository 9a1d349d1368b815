using NvStream.Compute.Cpu.Formats;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu;

/// <summary>
/// The processor as a device: vector kernels over persistent threads. Calls do their work before they return; one
/// thread calls at a time. Nothing is allocated on the managed heap by any operation.
/// </summary>
public sealed unsafe class CpuDevice : IComputeDevice
{
    readonly CpuWorkers workers;
    readonly CpuOps operations;
    readonly int vectorBits;
    CpuScratch? scratch;

    /// <param name="threads">Threads that may compute, the calling one counted in; null for one on each core that the process may use.</param>
    public CpuDevice(int? threads = null)
        : this(threads ?? CpuCores.Count(), CpuInfo.VectorBits)
    {
    }

    /// <param name="vectorBits">128, 256 or 512; wider than the processor's works, slowly.</param>
    /// <param name="processors">Threads that can run at once; null to ask the system.</param>
    internal CpuDevice(int threads, int vectorBits, int? processors = null)
    {
        operations = CpuOps.For(vectorBits);
        this.vectorBits = vectorBits;
        workers = new CpuWorkers(threads, processors);
    }

    /// <summary>Read anew on every call, for the free memory's sake.</summary>
    public DeviceInfo Info => new()
    {
        Name = CpuInfo.Name,
        Kind = DeviceKind.Cpu,
        Memory = CpuInfo.Memory,
        FreeMemory = CpuInfo.FreeMemory,
        Cores = CpuCores.Count(),
        VectorWidth = vectorBits,
        InstructionSets = CpuInfo.InstructionSets,
    };

    /// <summary>Threads that may compute, the calling one counted in; of more than can run at once, only so many do.</summary>
    public int Threads => workers.Count;

    public bool Supports(TensorType type) => WeightFormat.For(type) is not null;

    public long AllocationGranularity => 1;

    public IHostCopies? HostCopies => null;

    public void Reserve(long bytes)
    {
    }

    public void BeginPass(ReadOnlySpan<SequenceSpan> sequences, ReadOnlySpan<int> logitRows)
    {
    }

    public void Issue(in Stretch stretch, Action issue) => issue();

    public void EnterLayer(string name)
    {
    }

    public long ScratchBytes(int maxRows, int maxColumns, int headDim)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxColumns, 1);
        return CpuScratch.Bytes(maxRows, maxColumns, headDim, workers.Count);
    }

    public void ReserveScratch(int maxRows, int maxColumns, int headDim)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxColumns, 1);
        scratch?.Dispose();
        scratch = null;
        scratch = new CpuScratch(maxRows, maxColumns, headDim, workers.Count, CpuInfo.Name);
    }

    public DeviceMemory Allocate(long bytes, string purpose) => CpuMemory.Allocate(bytes, CpuInfo.Name, purpose);

    public void Write(ReadOnlySpan<byte> source, nint destination) =>
        source.CopyTo(new Span<byte>((void*)destination, source.Length));

    public void Read(nint source, Span<byte> destination) =>
        new ReadOnlySpan<byte>((void*)source, destination.Length).CopyTo(destination);

    public ulong Checksum(nint address, long bytes) => CpuChecksum.Of(workers, vectorBits, address, bytes);

    public IDeviceFence RecordFence(int slot) => CompletedFence.Instance;

    public void Embed(ReadOnlySpan<byte> rows, TensorType type, Matrix x)
    {
        OpChecks.Embed(rows, type, x, this);
        fixed (byte* source = rows)
        {
            var job = new EmbedJob
            {
                Type = type,
                Rows = source,
                RowBytes = TensorTypes.BytesOf(type, x.Columns),
                X = (float*)x.Address,
                Columns = x.Columns,
            };
            workers.RunTimed(x.Rows, x.Columns * 0.5, ref job);
        }
    }

    public void RmsNorm(Matrix x, Weight gain, float epsilon, Matrix y)
    {
        OpChecks.RmsNorm(x, gain, y);
        operations.RmsNorm(workers, x, (float*)gain.Address, epsilon, y);
    }

    public void AddRmsNorm(Matrix x, Matrix delta, Weight gain, float epsilon, Matrix y)
    {
        Add(x, delta);
        RmsNorm(x, gain, epsilon, y);
    }

    public void MatMul(Matrix x, ReadOnlySpan<Projection> projections, int decodeRows = 0)
    {
        OpChecks.MatMul(x, projections, decodeRows, this);
        CpuMatMul.Run(workers, Scratch(x.Rows, x.Columns), x, projections);
    }

    public void AddBias(Matrix y, Weight bias)
    {
        OpChecks.AddBias(y, bias);
        operations.AddBias(workers, y, (float*)bias.Address);
    }

    public void Rope(Matrix x, int headDim, RopeTable rope, ReadOnlySpan<SequenceSpan> sequences)
    {
        OpChecks.Rope(x, headDim, rope, sequences);
        var angles = Scratch(x.Rows, 1).Angles;
        angles.Update(x.Rows, rope, sequences, workers);
        operations.Rope(workers, x, headDim, rope, angles);
    }

    public void StoreKv(Matrix k, Matrix v, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences)
    {
        OpChecks.StoreKv(k, v, cache, sequences);
        operations.StoreKv(workers, k, v, cache, sequences);
    }

    public void RopeAndStoreKv(Matrix q, Matrix k, Matrix v, RopeTable rope, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences)
    {
        Rope(q, cache.HeadDim, rope, sequences);
        Rope(k, cache.HeadDim, rope, sequences);
        StoreKv(k, v, cache, sequences);
    }

    public void Attention(Matrix q, KvLayer cache, float scale, ReadOnlySpan<SequenceSpan> sequences, Matrix y)
    {
        OpChecks.Attention(q, cache, sequences, y);
        var room = Scratch(Math.Max(q.Rows, sequences.Length), cache.HeadDim);
        operations.Attention(workers, room, q, cache, scale, sequences, y);
    }

    public void SwiGlu(Matrix gate, Matrix up, Matrix y)
    {
        OpChecks.SameShape(gate, up, nameof(up));
        OpChecks.SameShape(gate, y, nameof(y));
        operations.SwiGlu(workers, gate, up, y);
    }

    public void Add(Matrix x, Matrix delta)
    {
        OpChecks.SameShape(x, delta, nameof(delta));
        operations.Add(workers, x, delta);
    }

    public void GatherRows(Matrix x, ReadOnlySpan<int> rows, Matrix y)
    {
        OpChecks.GatherRows(x, rows, y);
        var bytes = x.Columns * (long)sizeof(float);
        for (var i = 0; i < rows.Length; i++)
        {
            Buffer.MemoryCopy((byte*)x.Address + (rows[i] * bytes), (byte*)y.Address + (i * bytes), bytes, bytes);
        }
    }

    public void TopK(Matrix x, int columns, int k, Span<int> ids, Span<float> values)
    {
        OpChecks.TopK(x, columns, k, ids, values);
        LargestValues.Find(x, columns, k, ids, values);
    }

    public void Dispose()
    {
        workers.Dispose();
        scratch?.Dispose();
        scratch = null;
    }

    CpuScratch Scratch(int rows, int columns)
    {
        if (scratch is not { } reserved || rows > reserved.MaxRows || columns > reserved.MaxColumns)
        {
            throw new InvalidOperationException(
                $"A pass of {rows} rows and {columns} columns exceeds the scratch reserved by ReserveScratch "
                + $"({scratch?.MaxRows ?? 0} rows, {scratch?.MaxColumns ?? 0} columns).");
        }

        return reserved;
    }
}
