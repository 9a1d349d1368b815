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

    /// <summary>A stretch of random blocks, again and again, which no kernel can notice.</summary>
    internal unsafe Weight RandomWeight(TensorType type, int rows, int columns)
    {
        var (_, blockBytes) = TensorTypes.Block(type);
        var bytes = TensorTypes.BytesOf(type, (long)rows * columns);
        var weight = new Weight(Allocate(bytes), type, rows, columns);
        var random = new SplitMix64(1);
        var stretch = new Span<byte>((byte*)weight.Address, (int)Math.Min(bytes, (1 << 20) / blockBytes * blockBytes));
        SyntheticBlocks.Fill(type, stretch, 1, ref random);
        for (long at = stretch.Length; at < bytes; at += stretch.Length)
        {
            var length = (int)Math.Min(stretch.Length, bytes - at);
            stretch[..length].CopyTo(new((byte*)weight.Address + at, length));
        }

        return weight;
    }
}

/// <summary>What a call of a kernel does at least.</summary>
/// <param name="Name">Of the kernel, for the report.</param>
/// <param name="Rows">Rows of activations.</param>
/// <param name="Bytes">Read, or read and written.</param>
/// <param name="Products">Multiply-adds.</param>
/// <param name="OfBytes">Whether the products are of bytes; else of floats.</param>
sealed record KernelWork(string Name, int Rows, long Bytes, long Products, bool OfBytes = false);
