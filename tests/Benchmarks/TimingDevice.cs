using System.Diagnostics;
using System.Runtime.CompilerServices;
using NvStream.Compute;
using NvStream.Gguf;

namespace NvStream.Benchmarks;

/// <summary>
/// A device whose every operation is timed under its name; products under their weights' types and shapes too. For
/// devices whose calls do their work before they return.
/// </summary>
sealed class TimingDevice(IComputeDevice inner) : IComputeDevice
{
    readonly Dictionary<string, (long Ticks, long Calls, long Bytes)> _spent = [];

    public DeviceInfo Info => inner.Info;

    /// <summary>Time, calls and weight bytes of each operation since the last <see cref="Clear"/>.</summary>
    public IEnumerable<(string Operation, TimeSpan Time, long Calls, long Bytes)> Spent =>
        _spent.Select(p => (p.Key, Stopwatch.GetElapsedTime(0, p.Value.Ticks), p.Value.Calls, p.Value.Bytes));

    public void Clear() => _spent.Clear();

    public bool Supports(TensorType type) => inner.Supports(type);

    public long ScratchBytes(int maxRows, int maxColumns, int headDim) => inner.ScratchBytes(maxRows, maxColumns, headDim);

    public void ReserveScratch(int maxRows, int maxColumns, int headDim) => inner.ReserveScratch(maxRows, maxColumns, headDim);

    public DeviceMemory Allocate(long bytes, string purpose) => inner.Allocate(bytes, purpose);

    public void Write(ReadOnlySpan<byte> source, nint destination) => inner.Write(source, destination);

    public void Read(nint source, Span<byte> destination) => inner.Read(source, destination);

    public ulong Checksum(nint address, long bytes) => inner.Checksum(address, bytes);

    public IDeviceFence RecordFence(int slot) => inner.RecordFence(slot);

    public void Dispose() => inner.Dispose();

    public long AllocationGranularity => inner.AllocationGranularity;

    public IHostCopies? HostCopies => inner.HostCopies;

    public void Reserve(long bytes) => inner.Reserve(bytes);

    public void BeginPass(ReadOnlySpan<SequenceSpan> sequences, ReadOnlySpan<int> logitRows) => inner.BeginPass(sequences, logitRows);

    public void Issue(in Stretch stretch, Action issue) => inner.Issue(stretch, issue);

    public void EnterLayer(string name) => inner.EnterLayer(name);

    public void TopK(Matrix x, int columns, int k, Span<int> ids, Span<float> values)
    {
        var start = Stopwatch.GetTimestamp();
        inner.TopK(x, columns, k, ids, values);
        Count(start);
    }

    public void AddRmsNorm(Matrix x, Matrix delta, Weight gain, float epsilon, Matrix y)
    {
        var start = Stopwatch.GetTimestamp();
        inner.AddRmsNorm(x, delta, gain, epsilon, y);
        Count(start);
    }

    public void RopeAndStoreKv(Matrix q, Matrix k, Matrix v, RopeTable rope, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences)
    {
        var start = Stopwatch.GetTimestamp();
        inner.RopeAndStoreKv(q, k, v, rope, cache, sequences);
        Count(start);
    }

    public void Embed(ReadOnlySpan<byte> rows, TensorType type, Matrix x)
    {
        var start = Stopwatch.GetTimestamp();
        inner.Embed(rows, type, x);
        Count(start);
    }

    public void RmsNorm(Matrix x, Weight gain, float epsilon, Matrix y)
    {
        var start = Stopwatch.GetTimestamp();
        inner.RmsNorm(x, gain, epsilon, y);
        Count(start);
    }

    public void MatMul(Matrix x, ReadOnlySpan<Projection> projections, int decodeRows = 0)
    {
        var start = Stopwatch.GetTimestamp();
        inner.MatMul(x, projections, decodeRows);
        long bytes = 0;
        var name = "";
        foreach (var p in projections)
        {
            bytes += TensorTypes.BytesOf(p.W.Type, (long)p.W.Rows * p.W.Columns);
            name += $" {p.W.Type} {p.W.Rows}";
        }

        Count(start, bytes, $"MatMul {x.Columns} ->{name}");
    }

    public void AddBias(Matrix y, Weight bias)
    {
        var start = Stopwatch.GetTimestamp();
        inner.AddBias(y, bias);
        Count(start);
    }

    public void Rope(Matrix x, int headDim, RopeTable rope, ReadOnlySpan<SequenceSpan> sequences)
    {
        var start = Stopwatch.GetTimestamp();
        inner.Rope(x, headDim, rope, sequences);
        Count(start);
    }

    public void StoreKv(Matrix k, Matrix v, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences)
    {
        var start = Stopwatch.GetTimestamp();
        inner.StoreKv(k, v, cache, sequences);
        Count(start);
    }

    public void Attention(Matrix q, KvLayer cache, float scale, ReadOnlySpan<SequenceSpan> sequences, Matrix y)
    {
        var start = Stopwatch.GetTimestamp();
        inner.Attention(q, cache, scale, sequences, y);
        Count(start);
    }

    public void SwiGlu(Matrix gate, Matrix up, Matrix y)
    {
        var start = Stopwatch.GetTimestamp();
        inner.SwiGlu(gate, up, y);
        Count(start);
    }

    public void Add(Matrix x, Matrix delta)
    {
        var start = Stopwatch.GetTimestamp();
        inner.Add(x, delta);
        Count(start);
    }

    public void GatherRows(Matrix x, ReadOnlySpan<int> rows, Matrix y)
    {
        var start = Stopwatch.GetTimestamp();
        inner.GatherRows(x, rows, y);
        Count(start);
    }

    void Count(long start, long bytes = 0, [CallerMemberName] string operation = "")
    {
        var ticks = Stopwatch.GetTimestamp() - start;
        var spent = _spent.GetValueOrDefault(operation);
        _spent[operation] = (spent.Ticks + ticks, spent.Calls + 1, spent.Bytes + bytes);
    }
}
