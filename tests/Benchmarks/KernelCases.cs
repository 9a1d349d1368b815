using BenchmarkDotNet.Attributes;
using NvStream.Compute;
using NvStream.Gguf;

namespace NvStream.Benchmarks;

/// <summary>Products with a weight larger than most last-level caches: of one row and eight (decode), and of many (prefill).</summary>
public class Multiply : KernelCase
{
    const int Outputs = 16384;
    const int Inputs = 8192;

    /// <summary>As many rows as tokens are decoded together.</summary>
    const int MostDecodeRows = 8;

    Matrix _x;
    Matrix _y;
    Weight _w;

    [ParamsSource(nameof(Types))]
    public TensorType Type { get; set; }

    [Params(1, MostDecodeRows, 64)]
    public int Rows { get; set; }

    public static IEnumerable<TensorType> Types =>
    [
        TensorType.F32, TensorType.F16, TensorType.BF16, TensorType.Q8_0, TensorType.Q6_K, TensorType.Q5_K, TensorType.Q4_K, TensorType.Q3_K,
        TensorType.Q2_K, TensorType.Q5_1, TensorType.Q5_0, TensorType.Q4_1, TensorType.Q4_0, TensorType.IQ4_XS, TensorType.IQ4_NL,
        TensorType.IQ3_S, TensorType.IQ3_XXS,
    ];

    /// <summary>Bytes of the weight alone.</summary>
    internal static KernelWork Work(TensorType type, int rows) => new(
        $"MatMul {type}", rows, TensorTypes.BytesOf(type, (long)Outputs * Inputs), (long)Outputs * Inputs * rows,
        type is not (TensorType.F32 or TensorType.F16 or TensorType.BF16));

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
    public void MatMul() => Device.MatMul(_x, [new(_w, _y)], Rows <= MostDecodeRows ? Rows : 0);
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

    /// <summary>
    /// Bytes of keys and values; products of queries with keys, and of weights with values, that causal attention cannot
    /// do without.
    /// </summary>
    internal static KernelWork Work(int rows, int tokens) => new(
        $"Attention after {tokens} tokens", rows, Bytes(tokens), 2L * QueryHeads * HeadDim * ((long)rows * tokens - (long)rows * (rows - 1) / 2));

    static long Bytes(int tokens) => 2L * sizeof(ushort) * Heads * HeadDim * tokens;

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
