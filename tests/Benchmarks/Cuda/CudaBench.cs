using System.Runtime.InteropServices;
using NvStream.Compute;
using NvStream.Compute.Cuda;
using NvStream.Gguf;

namespace NvStream.Benchmarks.Cuda;

/// <summary>What the GPU measurements share.</summary>
static class CudaBench
{
    /// <exception cref="BenchmarkException">No GPU.</exception>
    public static CudaDevice Open()
    {
        try
        {
            return (CudaDevice)ComputeDevices.Open("Cuda");
        }
        catch (DeviceException e)
        {
            throw new BenchmarkException(e.Message);
        }
    }

    /// <summary>As <see cref="Bench.LargeModel"/>.</summary>
    public static string Model() => Bench.LargeModel();

    /// <summary>Values after one that warms up.</summary>
    public static double[] Repeat(Bench bench, Func<double> measure)
    {
        measure();
        return [.. Enumerable.Range(0, bench.Repeats).Select(_ => measure())];
    }

    /// <summary>Random weights in device memory; a stretch of them is repeated, which no kernel can notice.</summary>
    public static DeviceMemory Weights(IComputeDevice device, TensorType type, int rows, int columns)
    {
        const int stretch = 64;
        var part = new byte[stretch * TensorTypes.BytesOf(type, columns)];
        var random = new SplitMix64(1);
        SyntheticBlocks.Fill(type, part, 1 / MathF.Sqrt(columns), ref random);
        var memory = device.Allocate(rows * TensorTypes.BytesOf(type, columns), "weights");
        for (var row = 0; row < rows; row += stretch)
        {
            var bytes = Math.Min(part.Length, memory.Length - row / stretch * (long)part.Length);
            device.Write(part.AsSpan(0, (int)bytes), memory.Address + (nint)(row / stretch * (long)part.Length));
        }

        return memory;
    }

    public static void FillActivations(IComputeDevice device, DeviceMemory memory, int count)
    {
        var random = new Random(1);
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = random.NextSingle() * 2 - 1;
        }

        device.Write(MemoryMarshal.AsBytes(values.AsSpan()), memory.Address);
    }
}
