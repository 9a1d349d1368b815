using System.Diagnostics;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Gguf;

namespace NvStream.Tests.Async;

/// <summary>
/// The CPU device dressed as a GPU: calls return before the work is done, memory is the device's own and only copies
/// reach it, and both orders of work run by themselves. A fence that is missing shows: a slot is filled with NaN before
/// it is refilled, copies read their source late, stretches are replayed from a recording. What breaks a rule of the
/// contract is a failure that the next <see cref="Read"/> or <see cref="TopK"/> throws.
/// </summary>
sealed unsafe class AsyncFakeDevice : IComputeDevice
{
    readonly CpuDevice _inner = new(1);
    readonly WorkQueue _compute = new("fake compute");
    readonly FakeCopies _copies;
    readonly Dictionary<int, QueueFence> _fences = [];
    readonly Dictionary<Stretch, List<Action<PassInputs>>> _recordings = [];
    readonly long _memory;
    PassInputs _pass = new([], []);
    List<Action<PassInputs>>? _recording;
    TimeSpan _stall;
    long _reserved = long.MaxValue;

    /// <param name="memory">Bytes the device has.</param>
    public AsyncFakeDevice(int seed = 1, long memory = 1L << 30, int mostCopyDelayMicroseconds = 60)
    {
        _memory = memory;
        Memory = new(() => _compute.IsIdle && _copies!.IsIdle);
        _copies = new(this, seed, mostCopyDelayMicroseconds);
    }

    public FakeMemory.Heap Memory { get; }

    public FakeMemory.Heap HostMemory => _copies.Memory;

    /// <summary>Called with the number of each copy that is asked for, from 1.</summary>
    public Action<int>? OnCopy { set => _copies.OnCopy = value; }

    /// <summary>Called with the number of each host block that is asked for from now on, from 1, by whoever asks.</summary>
    public Action<int>? OnAllocateHost { set => _copies.OnAllocateHost = value; }

    public bool IsCopying => !_copies.IsIdle;

    /// <summary>Stretches that were replayed instead of issued.</summary>
    public int Replays { get; private set; }

    /// <summary>Bytes asked for by <see cref="Reserve"/>.</summary>
    public long Reserved => _reserved;

    /// <summary>The first rule that was broken, in words; null where none was.</summary>
    public string? BrokenRule => _compute.Failures.Concat(_copies.Failures).FirstOrDefault()?.ToString()
        ?? (Memory.FreedTooEarly + HostMemory.FreedTooEarly > 0 ? "memory was freed under work that may use it" : null);

    public DeviceInfo Info => new() { Name = "Fake GPU", Kind = DeviceKind.Cuda, Memory = _memory, FreeMemory = _memory - Memory.LiveBytes };

    public bool Supports(TensorType type) => _inner.Supports(type);

    public long AllocationGranularity => 64 * 1024;

    public IHostCopies HostCopies => _copies;

    public void Reserve(long bytes)
    {
        if (bytes % AllocationGranularity != 0)
        {
            throw new ArgumentException($"{bytes} bytes are no whole number of units.", nameof(bytes));
        }

        _reserved = bytes <= _memory ? bytes : throw DeviceException.OutOfMemory(Info.Name, bytes, "the plan");
    }

    public long ScratchBytes(int maxRows, int maxColumns, int headDim) => _inner.ScratchBytes(maxRows, maxColumns, headDim);

    public void ReserveScratch(int maxRows, int maxColumns, int headDim)
    {
        _inner.ReserveScratch(maxRows, maxColumns, headDim);
        ScratchReserved = FakeMemory.Heap.Cut(ScratchBytes(maxRows, maxColumns, headDim));
    }

    /// <summary>Bytes of scratch, which the inner device has allocated.</summary>
    public long ScratchReserved { get; private set; }

    public DeviceMemory Allocate(long bytes, string purpose) =>
        Memory.LiveBytes + ScratchReserved + FakeMemory.Heap.Cut(bytes) <= Math.Min(_reserved, _memory)
            ? Memory.Add(_inner.Allocate(bytes, purpose))
            : throw DeviceException.OutOfMemory(Info.Name, bytes, purpose);

    public void Write(ReadOnlySpan<byte> source, nint destination)
    {
        var bytes = source.ToArray();
        Enqueue(_ => _inner.Write(bytes, destination));
    }

    public void Read(nint source, Span<byte> destination)
    {
        Finish();
        _inner.Read(source, destination);
    }

    public ulong Checksum(nint address, long bytes)
    {
        Finish();
        return _inner.Checksum(address, bytes);
    }

    public IDeviceFence RecordFence(int slot)
    {
        lock (_fences)
        {
            var fence = _fences.TryGetValue(slot, out var known) ? known : _fences[slot] = new();
            fence.Record(_compute);
            return fence;
        }
    }

    public void BeginPass(ReadOnlySpan<SequenceSpan> sequences, ReadOnlySpan<int> logitRows) => _pass = new([.. sequences], [.. logitRows]);

    public void Issue(in Stretch stretch, Action issue)
    {
        if (!stretch.IsResident || !Array.TrueForAll(_pass.Sequences, s => s.IsDecoding))
        {
            issue();
            return;
        }

        if (_recordings.TryGetValue(stretch, out var known))
        {
            Replays++;
            known.ForEach(Enqueue);
            return;
        }

        var recording = _recording = [];
        try
        {
            issue();
            _recordings.Add(stretch, recording);
        }
        finally
        {
            _recording = null;
        }
    }

    public void EnterLayer(string name)
    {
    }

    public void Embed(ReadOnlySpan<byte> rows, TensorType type, Matrix x)
    {
        var bytes = rows.ToArray();
        Enqueue(_ => _inner.Embed(bytes, type, x));
    }

    public void RmsNorm(Matrix x, Weight gain, float epsilon, Matrix y) => Enqueue(_ => _inner.RmsNorm(x, gain, epsilon, y));

    public void AddRmsNorm(Matrix x, Matrix delta, Weight gain, float epsilon, Matrix y) =>
        Enqueue(_ => _inner.AddRmsNorm(x, delta, gain, epsilon, y));

    public void MatMul(Matrix x, ReadOnlySpan<Projection> projections, int decodeRows = 0)
    {
        var decoding = _pass.Sequences.Where(s => s.IsDecoding).Sum(s => s.RowCount);
        if (decodeRows != decoding && decodeRows != x.Rows)
        {
            throw new ArgumentException($"{decodeRows} rows to decode, of {x.Rows}; the pass decodes {decoding}.", nameof(decodeRows));
        }

        var all = projections.ToArray();
        Enqueue(_ => _inner.MatMul(x, all, decodeRows));
    }

    public void AddBias(Matrix y, Weight bias) => Enqueue(_ => _inner.AddBias(y, bias));

    public void Rope(Matrix x, int headDim, RopeTable rope, ReadOnlySpan<SequenceSpan> sequences)
    {
        Announced(sequences);
        Enqueue(pass => _inner.Rope(x, headDim, rope, pass.Sequences));
    }

    public void StoreKv(Matrix k, Matrix v, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences)
    {
        Announced(sequences);
        Enqueue(pass => _inner.StoreKv(k, v, cache, pass.Sequences));
    }

    public void RopeAndStoreKv(Matrix q, Matrix k, Matrix v, RopeTable rope, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences)
    {
        Announced(sequences);
        Enqueue(pass => _inner.RopeAndStoreKv(q, k, v, rope, cache, pass.Sequences));
    }

    public void Attention(Matrix q, KvLayer cache, float scale, ReadOnlySpan<SequenceSpan> sequences, Matrix y)
    {
        Announced(sequences);
        Enqueue(pass => _inner.Attention(q, cache, scale, pass.Sequences, y));
    }

    public void SwiGlu(Matrix gate, Matrix up, Matrix y) => Enqueue(_ => _inner.SwiGlu(gate, up, y));

    public void Add(Matrix x, Matrix delta) => Enqueue(_ => _inner.Add(x, delta));

    public void GatherRows(Matrix x, ReadOnlySpan<int> rows, Matrix y)
    {
        if (!rows.SequenceEqual(_pass.LogitRows))
        {
            throw new ArgumentException("Other rows than the pass announced.", nameof(rows));
        }

        Enqueue(pass => _inner.GatherRows(x, pass.LogitRows, y));
    }

    public void TopK(Matrix x, int columns, int k, Span<int> ids, Span<float> values)
    {
        Finish();
        _inner.TopK(x, columns, k, ids, values);
    }

    public void Dispose()
    {
        _compute.Dispose();
        _copies.Dispose();
        _inner.Dispose();
        ScratchReserved = 0;
    }

    /// <summary>Device work waits for a copy.</summary>
    public void Await(Task copied) => _compute.Add(() =>
    {
        var start = Stopwatch.GetTimestamp();
        copied.Wait();
        _stall += Stopwatch.GetElapsedTime(start);
    });

    void Enqueue(Action<PassInputs> operation)
    {
        _recording?.Add(operation);
        var pass = _pass;
        _compute.Add(() => operation(pass));
    }

    void Finish()
    {
        _compute.WaitIdle();
        _copies.DeviceStall = _stall;
        if (_compute.Failures.Concat(_copies.Failures).FirstOrDefault() is { } failure)
        {
            throw new InvalidOperationException("Work failed after it had been issued.", failure);
        }
    }

    void Announced(ReadOnlySpan<SequenceSpan> sequences)
    {
        if (!sequences.SequenceEqual(_pass.Sequences))
        {
            throw new ArgumentException("Other sequences than the pass announced.", nameof(sequences));
        }
    }

    sealed record PassInputs(SequenceSpan[] Sequences, int[] LogitRows);
}
