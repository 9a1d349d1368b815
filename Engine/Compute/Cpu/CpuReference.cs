using NvStream.Compute.Cpu.Formats;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu;

/// <summary>
/// The operations as the formulas say, one element at a time, sums in double: what every faster implementation is
/// checked against. Matrix products encode their input as the weight's format asks for, so that a difference is a
/// kernel's and not the encoding's. Not meant for speed; no threads, no vectors.
/// </summary>
internal sealed unsafe class CpuReference : IComputeDevice
{
    public DeviceInfo Info => new()
    {
        Name = "CPU reference",
        Kind = DeviceKind.Cpu,
        Memory = CpuInfo.Memory,
        FreeMemory = CpuInfo.FreeMemory,
        Cores = 1,
    };

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

    public long ScratchBytes(int maxRows, int maxColumns, int headDim) => 0;

    public void ReserveScratch(int maxRows, int maxColumns, int headDim)
    {
    }

    public DeviceMemory Allocate(long bytes, string purpose) => CpuMemory.Allocate(bytes, "CPU reference", purpose);

    public void Write(ReadOnlySpan<byte> source, nint destination) =>
        source.CopyTo(new Span<byte>((void*)destination, source.Length));

    public void Read(nint source, Span<byte> destination) =>
        new ReadOnlySpan<byte>((void*)source, destination.Length).CopyTo(destination);

    public ulong Checksum(nint address, long bytes)
    {
        var sum = 0UL;
        for (var done = 0L; done < bytes; done += sizeof(ulong))
        {
            sum += MemoryChecksum.Of(new ReadOnlySpan<byte>((void*)(address + (nint)done), sizeof(ulong)), done / sizeof(ulong));
        }

        return sum;
    }

    public IDeviceFence RecordFence(int slot) => CompletedFence.Instance;

    public void Embed(ReadOnlySpan<byte> rows, TensorType type, Matrix x)
    {
        OpChecks.Embed(rows, type, x, this);
        var rowBytes = (int)TensorTypes.BytesOf(type, x.Columns);
        for (var r = 0; r < x.Rows; r++)
        {
            WeightFormat.For(type)!.Dequantize(rows.Slice(r * rowBytes, rowBytes), Row(x, r));
        }
    }

    public void RmsNorm(Matrix x, Weight gain, float epsilon, Matrix y)
    {
        OpChecks.RmsNorm(x, gain, y);
        var g = (float*)gain.Address;
        for (var r = 0; r < x.Rows; r++)
        {
            var xr = Row(x, r);
            var yr = Row(y, r);
            var squares = 0.0;
            foreach (var value in xr)
            {
                squares += (double)value * value;
            }

            var inverse = 1 / Math.Sqrt((squares / x.Columns) + epsilon);
            for (var i = 0; i < x.Columns; i++)
            {
                yr[i] = (float)(xr[i] * inverse * g[i]);
            }
        }
    }

    public void AddRmsNorm(Matrix x, Matrix delta, Weight gain, float epsilon, Matrix y)
    {
        Add(x, delta);
        RmsNorm(x, gain, epsilon, y);
    }

    public void MatMul(Matrix x, ReadOnlySpan<Projection> projections, int decodeRows = 0)
    {
        OpChecks.MatMul(x, projections, decodeRows, this);
        foreach (var (weight, y) in projections)
        {
            var format = WeightFormat.For(weight.Type)!;
            var stride = Activations.RowBytes(format.Encoding, x.Columns);
            using var encoded = Allocate(x.Rows * stride, "encoded activations");
            for (var r = 0; r < x.Rows; r++)
            {
                Activations.EncodeReference(
                    format.Encoding, (float*)x.Address + ((long)r * x.Columns), x.Columns, (byte*)encoded.Address + (r * stride));
            }

            format.MultiplyReference(
                (byte*)weight.Address,
                TensorTypes.BytesOf(weight.Type, weight.Columns),
                weight.Rows,
                weight.Columns,
                (byte*)encoded.Address,
                stride,
                x.Rows,
                (float*)y.Address,
                y.Columns);
        }
    }

    public void AddBias(Matrix y, Weight bias)
    {
        OpChecks.AddBias(y, bias);
        for (var r = 0; r < y.Rows; r++)
        {
            var row = Row(y, r);
            for (var i = 0; i < y.Columns; i++)
            {
                row[i] += ((float*)bias.Address)[i];
            }
        }
    }

    public void Rope(Matrix x, int headDim, RopeTable rope, ReadOnlySpan<SequenceSpan> sequences)
    {
        OpChecks.Rope(x, headDim, rope, sequences);
        var half = rope.Dimensions / 2;
        foreach (var sequence in sequences)
        {
            for (var i = 0; i < sequence.RowCount; i++)
            {
                var row = Row(x, sequence.FirstRow + i);
                for (var head = 0; head < x.Columns; head += headDim)
                {
                    for (var pair = 0; pair < half; pair++)
                    {
                        var angle = (double)(sequence.FirstPosition + i) * ((float*)rope.Frequencies)[pair];
                        var (sin, cos) = (Math.Sin(angle) * rope.Magnitude, Math.Cos(angle) * rope.Magnitude);
                        var (a, b) = rope.Layout == RopeLayout.Interleaved
                            ? (head + (2 * pair), head + (2 * pair) + 1)
                            : (head + pair, head + pair + half);
                        (row[a], row[b]) = ((float)((row[a] * cos) - (row[b] * sin)), (float)((row[a] * sin) + (row[b] * cos)));
                    }
                }
            }
        }
    }

    public void StoreKv(Matrix k, Matrix v, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences)
    {
        OpChecks.StoreKv(k, v, cache, sequences);
        foreach (var sequence in sequences)
        {
            for (var i = 0; i < sequence.RowCount; i++)
            {
                for (var head = 0; head < cache.Heads; head++)
                {
                    var cell = sequence.KvStart + sequence.FirstPosition + i;
                    for (var d = 0; d < cache.HeadDim; d++)
                    {
                        var column = (head * cache.HeadDim) + d;
                        Cell(cache.Keys, cache, head, cell)[d] = (Half)Row(k, sequence.FirstRow + i)[column];
                        Cell(cache.Values, cache, head, cell)[d] = (Half)Row(v, sequence.FirstRow + i)[column];
                    }
                }
            }
        }
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
        var queryHeads = q.Columns / cache.HeadDim;
        var group = queryHeads / cache.Heads;
        foreach (var sequence in sequences)
        {
            for (var i = 0; i < sequence.RowCount; i++)
            {
                for (var head = 0; head < queryHeads; head++)
                {
                    var own = head * cache.HeadDim;
                    AttentionHead(
                        Row(q, sequence.FirstRow + i).Slice(own, cache.HeadDim),
                        cache,
                        head / group,
                        sequence.KvStart,
                        sequence.FirstPosition + i + 1,
                        scale,
                        Row(y, sequence.FirstRow + i).Slice(own, cache.HeadDim));
                }
            }
        }
    }

    public void SwiGlu(Matrix gate, Matrix up, Matrix y)
    {
        OpChecks.SameShape(gate, up, nameof(up));
        OpChecks.SameShape(gate, y, nameof(y));
        for (var r = 0; r < y.Rows; r++)
        {
            var g = Row(gate, r);
            var u = Row(up, r);
            var yr = Row(y, r);
            for (var i = 0; i < y.Columns; i++)
            {
                yr[i] = (float)(g[i] / (1 + Math.Exp(-g[i])) * u[i]);
            }
        }
    }

    public void Add(Matrix x, Matrix delta)
    {
        OpChecks.SameShape(x, delta, nameof(delta));
        for (var r = 0; r < x.Rows; r++)
        {
            var xr = Row(x, r);
            var dr = Row(delta, r);
            for (var i = 0; i < x.Columns; i++)
            {
                xr[i] += dr[i];
            }
        }
    }

    public void GatherRows(Matrix x, ReadOnlySpan<int> rows, Matrix y)
    {
        OpChecks.GatherRows(x, rows, y);
        for (var i = 0; i < rows.Length; i++)
        {
            Row(x, rows[i]).CopyTo(Row(y, i));
        }
    }

    public void TopK(Matrix x, int columns, int k, Span<int> ids, Span<float> values)
    {
        OpChecks.TopK(x, columns, k, ids, values);
        LargestValues.Find(x, columns, k, ids, values);
    }

    public void Dispose()
    {
    }

    /// <summary>One query against the first <paramref name="cells"/> cells of its KV head.</summary>
    static void AttentionHead(
        ReadOnlySpan<float> query, KvLayer cache, int kvHead, int kvStart, int cells, float scale, Span<float> y)
    {
        var weights = new double[cells];
        var maximum = double.NegativeInfinity;
        for (var j = 0; j < cells; j++)
        {
            var key = Cell(cache.Keys, cache, kvHead, kvStart + j);
            for (var d = 0; d < query.Length; d++)
            {
                weights[j] += (double)query[d] * (float)key[d];
            }

            weights[j] *= scale;
            maximum = Math.Max(maximum, weights[j]);
        }

        var sum = 0.0;
        for (var j = 0; j < cells; j++)
        {
            weights[j] = Math.Exp(weights[j] - maximum);
            sum += weights[j];
        }

        for (var d = 0; d < y.Length; d++)
        {
            var value = 0.0;
            for (var j = 0; j < cells; j++)
            {
                value += weights[j] * (float)Cell(cache.Values, cache, kvHead, kvStart + j)[d];
            }

            y[d] = (float)(value / sum);
        }
    }

    static Span<float> Row(Matrix matrix, int row) =>
        new((float*)matrix.Address + ((long)row * matrix.Columns), matrix.Columns);

    static Half* Cell(nint keysOrValues, KvLayer cache, int head, int cell) =>
        (Half*)keysOrValues + ((((long)head * cache.Tokens) + cell) * cache.HeadDim);
}
