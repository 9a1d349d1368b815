using BenchmarkDotNet.Attributes;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Gguf;

namespace NvStream.Benchmarks;

/// <summary>Memory of one device for the cases below, filled with random values.</summary>
public abstract class KernelCase : IDisposable
{
    readonly List<DeviceMemory> _memory = [];

    internal CpuDevice Device { get; private set; } = null!;

    public void Dispose()
    {
        _memory.ForEach(m => m.Dispose());
        _memory.Clear();
        Device?.Dispose();
        GC.SuppressFinalize(this);
    }

    internal void Open(int rows, int columns, int headDim = 128)
    {
        Device = new CpuDevice(KernelBenchmarks.Threads);
        Device.ReserveScratch(rows, columns, headDim);
    }

    internal nint Allocate(long bytes)
    {
        var memory = Device.Allocate(bytes, "kernel case");
        _memory.Add(memory);
        return memory.Address;
    }

    internal unsafe Matrix Random(int rows, int columns)
    {
        var matrix = new Matrix(Allocate((long)rows * columns * sizeof(float)), rows, columns);
        var random = new Random(1);
        foreach (ref var value in new Span<float>((void*)matrix.Address, rows * columns))
        {
            value = random.NextSingle() - 0.5f;
        }

        return matrix;
    }

    internal unsafe Weight RandomWeight(TensorType type, int rows, int columns)
    {
        var (elements, blockBytes) = TensorTypes.Block(type);
        var bytes = TensorTypes.BytesOf(type, (long)rows * columns);
        var weight = new Weight(Allocate(bytes), type, rows, columns);
        var random = new SplitMix64(1);
        var piece = (1 << 20) / blockBytes * blockBytes;
        for (long at = 0; at < bytes; at += piece)
        {
            SyntheticBlocks.Fill(type, new Span<byte>((byte*)weight.Address + at, (int)Math.Min(piece, bytes - at)), 1, ref random);
        }

        return weight;
    }
}

/// <summary>Products with a weight larger than the last-level cache, of one row (decode) and of many (prefill).</summary>
public class Multiply : KernelCase
{
    const int Outputs = 16384;
    const int Inputs = 8192;

    Matrix _x;
    Matrix _y;
    Weight _w;

    [ParamsSource(nameof(Types))]
    public TensorType Type { get; set; }

    [Params(1, 64)]
    public int Rows { get; set; }

    public static IEnumerable<TensorType> Types =>
    [
        TensorType.F32, TensorType.F16, TensorType.BF16, TensorType.Q8_0, TensorType.Q6_K, TensorType.Q5_K, TensorType.Q4_K, TensorType.Q4_0,
        TensorType.Q3_K, TensorType.Q2_K, TensorType.IQ4_XS, TensorType.IQ4_NL, TensorType.IQ3_S, TensorType.IQ3_XXS,
    ];

    /// <summary>Bytes of the weight.</summary>
    public static long Bytes(TensorType type) => TensorTypes.BytesOf(type, (long)Outputs * Inputs);

    public static long Products(int rows) => (long)Outputs * Inputs * rows;

    [GlobalSetup]
    public void Setup()
    {
        Open(Rows, Inputs);
        _x = Random(Rows, Inputs);
        _y = Random(Rows, Outputs);
        _w = RandomWeight(Type, Outputs, Inputs);
    }

    [GlobalCleanup]
    public void Cleanup() => Dispose();

    [Benchmark]
    public void MatMul() => Device.MatMul(_x, [new(_w, _y)]);
}

/// <summary>Attention of 32 query heads over 8 of 128: one token after many, and a chunk of prompt.</summary>
public class Attend : KernelCase
{
    const int Heads = 8;
    const int QueryHeads = 32;
    const int HeadDim = 128;

    readonly SequenceSpan[] _sequences = new SequenceSpan[1];
    Matrix _q;
    Matrix _y;
    KvLayer _cache;

    [Params(1, 256)]
    public int Rows { get; set; }

    [Params(256, 4096)]
    public int Tokens { get; set; }

    /// <summary>Bytes of the keys and values of so many tokens.</summary>
    public static long Bytes(int tokens) => 2L * sizeof(ushort) * Heads * HeadDim * tokens;

    /// <summary>Products of queries with keys, and of weights with values, that causal attention cannot do without.</summary>
    public static long Products(int rows, int tokens) => 2L * QueryHeads * HeadDim * ((long)rows * tokens - (long)rows * (rows - 1) / 2);

    [GlobalSetup]
    public unsafe void Setup()
    {
        Open(Rows, QueryHeads * HeadDim, HeadDim);
        _q = Random(Rows, QueryHeads * HeadDim);
        _y = Random(Rows, QueryHeads * HeadDim);
        var keys = Allocate(Bytes(Tokens));
        foreach (ref var half in new Span<Half>((void*)keys, (int)(Bytes(Tokens) / sizeof(ushort))))
        {
            half = (Half)0.1f;
        }

        _cache = new(keys, keys + (nint)(Bytes(Tokens) / 2), Tokens, Heads, HeadDim);
        _sequences[0] = new(0, Rows, 0, Tokens - Rows);
    }

    [GlobalCleanup]
    public void Cleanup() => Dispose();

    [Benchmark]
    public void Attention() => Device.Attention(_q, _cache, 0.088f, _sequences, _y);
}

/// <summary>Norm of rows of 4096: one, and a chunk of prompt.</summary>
public class Norm : KernelCase
{
    const int Columns = 4096;

    Matrix _x;
    Matrix _y;
    Weight _gain;

    [Params(1, 512)]
    public int Rows { get; set; }

    /// <summary>Bytes read and written.</summary>
    public static long Bytes(int rows) => 2L * sizeof(float) * rows * Columns;

    [GlobalSetup]
    public void Setup()
    {
        Open(Rows, Columns);
        _x = Random(Rows, Columns);
        _y = Random(Rows, Columns);
        _gain = RandomWeight(TensorType.F32, 1, Columns);
    }

    [GlobalCleanup]
    public void Cleanup() => Dispose();

    [Benchmark]
    public void RmsNorm() => Device.RmsNorm(_x, _gain, 1e-5f, _y);
}
