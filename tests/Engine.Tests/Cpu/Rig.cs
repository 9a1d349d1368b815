using System.Runtime.InteropServices;
using NvStream.Compute;
using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Cpu;

/// <summary>A device with helpers to put values in its memory and to get them back; frees all on disposal.</summary>
sealed class Rig(IComputeDevice device) : IDisposable
{
    readonly List<DeviceMemory> blocks = [];

    public IComputeDevice Device { get; } = device;

    /// <summary>Test values, the same for a seed on every run.</summary>
    public static float[] Random(int seed, int count, float spread = 1)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = (float)(random.NextDouble() * 2 - 1) * spread;
        }

        return values;
    }

    public nint Bytes(ReadOnlySpan<byte> bytes)
    {
        var block = Device.Allocate(bytes.Length, "test");
        blocks.Add(block);
        Device.Write(bytes, block.Address);
        return block.Address;
    }

    public Matrix Matrix(ReadOnlySpan<float> values, int rows)
    {
        Assert.Equal(0, values.Length % rows);
        return new Matrix(Bytes(MemoryMarshal.AsBytes(values)), rows, values.Length / rows);
    }

    public Matrix Empty(int rows, int columns) => Matrix(new float[rows * columns], rows);

    public Weight Vector(ReadOnlySpan<float> values) =>
        new(Bytes(MemoryMarshal.AsBytes(values)), TensorType.F32, 1, values.Length);

    public KvLayer Cache(int tokens, int heads, int headDim)
    {
        var bytes = new byte[tokens * heads * headDim * 2];
        return new KvLayer(Bytes(bytes), Bytes(bytes), tokens, heads, headDim);
    }

    public float[] Values(Matrix matrix)
    {
        var values = new float[matrix.Rows * matrix.Columns];
        Device.Read(matrix.Address, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    public ushort[] Halves(nint address, int count)
    {
        var values = new ushort[count];
        Device.Read(address, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    public static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> seen, float tolerance)
    {
        Assert.Equal(expected.Length, seen.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(expected[i] - seen[i]) <= tolerance * (1 + Math.Abs(expected[i]))))
            {
                Assert.Fail($"element {i}: {seen[i]:R} where {expected[i]:R} is expected, tolerance {tolerance}");
            }
        }
    }

    public void Dispose()
    {
        foreach (var block in blocks)
        {
            block.Dispose();
        }

        Device.Dispose();
    }
}
