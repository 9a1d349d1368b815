using BenchmarkDotNet.Attributes;
using NvStream.Compute;
using NvStream.Gguf;

namespace NvStream.Benchmarks;

/// <summary>What a product does to its activations before it multiplies: nearly all of a product with one output.</summary>
public class Encode : KernelCase
{
    const int Columns = 8192;

    Matrix _x;
    Matrix _y;
    Weight _w;

    [Params(TensorType.Q4_0, TensorType.Q4_K)]
    public TensorType Type { get; set; }

    [Params(1, 64)]
    public int Rows { get; set; }

    /// <summary>Bytes of the floats that are encoded.</summary>
    internal static KernelWork Work(TensorType type, int rows) => new(
        $"MatMul {type}, one output", rows, (long)sizeof(float) * rows * Columns, (long)rows * Columns, OfBytes: true);

    [GlobalSetup]
    public void Setup()
    {
        Open(Rows, Columns);
        _x = Random(Rows, Columns);
        _y = Random(Rows, 1);
        _w = RandomWeight(Type, 1, Columns);
    }

    [GlobalCleanup]
    public void Cleanup() => Dispose();

    [Benchmark]
    public void MatMul() => Device.MatMul(_x, [new(_w, _y)], Rows == 1 ? 1 : 0);
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

    /// <summary>Bytes read and written; an element is squared into a sum and then scaled.</summary>
    internal static KernelWork Work(int rows) => new("RmsNorm", rows, 2L * sizeof(float) * rows * Columns, 2L * rows * Columns);

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

/// <summary>Rotary embedding of 32 heads of 128.</summary>
public class Rotate : KernelCase
{
    const int Heads = 32;
    const int HeadDim = 128;

    readonly SequenceSpan[] _sequences = new SequenceSpan[1];
    Matrix _x;
    RopeTable _rope;

    [Params(1, 512)]
    public int Rows { get; set; }

    /// <summary>Bytes read and written; an element is multiplied by a sine and by a cosine.</summary>
    internal static KernelWork Work(int rows) => new("Rope", rows, 2L * sizeof(float) * rows * Heads * HeadDim, 2L * rows * Heads * HeadDim);

    [GlobalSetup]
    public void Setup()
    {
        Open(Rows, Heads * HeadDim, HeadDim);
        _x = Random(Rows, Heads * HeadDim);
        _rope = new(Random(1, HeadDim / 2).Address, HeadDim, 1, RopeLayout.Halves);
        _sequences[0] = new(0, Rows, 0, 0);
    }

    [GlobalCleanup]
    public void Cleanup() => Dispose();

    [Benchmark]
    public void Rope() => Device.Rope(_x, HeadDim, _rope, _sequences);
}

/// <summary>SwiGLU of rows of 8192.</summary>
public class Gate : KernelCase
{
    const int Columns = 8192;

    Matrix _gate;
    Matrix _up;
    Matrix _y;

    [Params(1, 512)]
    public int Rows { get; set; }

    /// <summary>Bytes read and written; of an element's work, the two products beside the exponential.</summary>
    internal static KernelWork Work(int rows) => new("SwiGlu", rows, 3L * sizeof(float) * rows * Columns, 2L * rows * Columns);

    [GlobalSetup]
    public void Setup()
    {
        Open(Rows, Columns);
        _gate = Random(Rows, Columns);
        _up = Random(Rows, Columns);
        _y = Random(Rows, Columns);
    }

    [GlobalCleanup]
    public void Cleanup() => Dispose();

    [Benchmark]
    public void SwiGlu() => Device.SwiGlu(_gate, _up, _y);
}
