using System.Runtime.InteropServices;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Cpu;

/// <summary>Each operation of the vector device against the scalar reference, at awkward shapes and every width.</summary>
public sealed class CpuOpsTests
{
    static readonly int[] Widths = [128, 256, 512];
    static readonly (int Rows, int Columns)[] Shapes = [(1, 1), (1, 32), (2, 64), (7, 80), (3, 100), (64, 257), (1, 4099), (40, 2048)];

    public static TheoryData<int, int, int> Cases()
    {
        var cases = new TheoryData<int, int, int>();
        foreach (var width in Widths)
        {
            foreach (var (rows, columns) in Shapes)
            {
                cases.Add(width, rows, columns);
            }
        }

        return cases;
    }

    public static TheoryData<int, int, int, int, RopeLayout> RopeCases()
    {
        var cases = new TheoryData<int, int, int, int, RopeLayout>();
        foreach (var width in Widths)
        {
            foreach (var rows in new[] { 1, 7, 64 })
            {
                foreach (var (headDim, rotated) in new[] { (64, 64), (80, 80), (128, 96), (96, 26), (32, 2) })
                {
                    cases.Add(width, rows, headDim, rotated, RopeLayout.Interleaved);
                    cases.Add(width, rows, headDim, rotated, RopeLayout.Halves);
                }
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void RmsNorm(int width, int rows, int columns) => Check(width, 2e-6f, rig =>
    {
        var x = rig.Matrix(Rig.Random(1, rows * columns, 3), rows);
        var y = rig.Empty(rows, columns);
        rig.Device.RmsNorm(x, rig.Vector(Rig.Random(2, columns)), 1e-5f, y);
        return rig.Values(y);
    });

    [Fact]
    public void RmsNormWorksInPlaceAndOnZeros() => Check(256, 2e-6f, rig =>
    {
        var values = Rig.Random(1, 3 * 70);
        values.AsSpan(70, 70).Clear();
        var x = rig.Matrix(values, 3);
        rig.Device.RmsNorm(x, rig.Vector(Rig.Random(2, 70)), 1e-6f, x);
        return rig.Values(x);
    });

    [Theory]
    [MemberData(nameof(Cases))]
    public void SwiGlu(int width, int rows, int columns) => Check(width, 1e-6f, rig =>
    {
        var gate = rig.Matrix(Rig.Random(1, rows * columns, 12), rows);
        rig.Device.SwiGlu(gate, rig.Matrix(Rig.Random(2, rows * columns), rows), gate);
        return rig.Values(gate);
    });

    [Fact]
    public void SwiGluOfExtremeGatesIsZeroOrTheGate() => Check(256, 1e-6f, rig =>
    {
        float[] gates = [-1000, -200, -100, -88, -87, -20, -0f, 0, 20, 88, 100, 1000, 1e30f, -1e30f];
        var gate = rig.Matrix(gates, 1);
        var up = new float[gates.Length];
        up.AsSpan().Fill(1);
        rig.Device.SwiGlu(gate, rig.Matrix(up, 1), gate);
        return rig.Values(gate);
    });

    [Theory]
    [MemberData(nameof(Cases))]
    public void AddAndAddBias(int width, int rows, int columns) => Check(width, 0, rig =>
    {
        var x = rig.Matrix(Rig.Random(1, rows * columns), rows);
        rig.Device.Add(x, rig.Matrix(Rig.Random(2, rows * columns), rows));
        rig.Device.AddBias(x, rig.Vector(Rig.Random(3, columns)));
        return rig.Values(x);
    });

    [Theory]
    [MemberData(nameof(RopeCases))]
    public void Rope(int width, int rows, int headDim, int dimensions, RopeLayout layout) => Check(width, 1e-6f, rig =>
    {
        const int heads = 3;
        rig.Device.ReserveScratch(rows, heads * headDim, AttentionLayout.MaxHeadDim);
        var x = rig.Matrix(Rig.Random(1, rows * heads * headDim), rows);
        var frequencies = new float[dimensions / 2];
        for (var i = 0; i < frequencies.Length; i++)
        {
            frequencies[i] = MathF.Pow(10000, -2f * i / dimensions);
        }

        var table = new RopeTable(rig.Vector(frequencies).Address, dimensions, 1.25f, layout);

        // Two sequences, one of them far into its context, in an order that is not the rows'.
        var split = rows / 3;
        SequenceSpan[] sequences = [new(split, rows - split, 0, 131_000), new(0, split, 500, 3)];
        rig.Device.Rope(x, headDim, table, sequences);

        // The tables of the first call must serve only a call like it.
        sequences[0] = new(split, rows - split, 0, 17);
        rig.Device.Rope(x, headDim, table, sequences);
        rig.Device.Rope(x, headDim, table with { Magnitude = 1 }, sequences);
        frequencies.AsSpan().Reverse();
        rig.Device.Write(MemoryMarshal.AsBytes(frequencies.AsSpan()), table.Frequencies);
        rig.Device.Rope(x, headDim, table, sequences);
        return rig.Values(x);
    });

    [Fact]
    public void RopeLeavesRowsOfNoSequenceAlone()
    {
        using var rig = new Rig(new CpuDevice(2));
        rig.Device.ReserveScratch(4, 64, AttentionLayout.MaxHeadDim);
        var values = Rig.Random(1, 4 * 64);
        var x = rig.Matrix(values, 4);
        var table = new RopeTable(rig.Vector(Rig.Random(2, 32)).Address, 64, 1, RopeLayout.Halves);
        rig.Device.Rope(x, 64, table, [new SequenceSpan(1, 2, 0, 9)]);
        var seen = rig.Values(x);
        Assert.Equal(values[..64], seen[..64]);
        Assert.NotEqual(values[64..128], seen[64..128]);
        Assert.Equal(values[192..], seen[192..]);
    }

    [Theory]
    [InlineData(128, 64)]
    [InlineData(256, 80)]
    [InlineData(512, 80)]
    [InlineData(256, 13)]
    public void StoreKv(int width, int headDim)
    {
        const int heads = 3, rows = 11, tokens = 40;
        SequenceSpan[] sequences = [new(0, 7, 5, 2), new(8, 3, 20, 0)];
        var results = new List<ushort[]>();
        foreach (var rig in Pair(width))
        {
            using (rig)
            {
                var k = rig.Matrix(Rig.Random(1, rows * heads * headDim, 100), rows);
                var v = rig.Matrix(Rig.Random(2, rows * heads * headDim, 1e-6f), rows);
                var cache = rig.Cache(tokens, heads, headDim);
                rig.Device.StoreKv(k, v, cache, sequences);
                results.Add([.. rig.Halves(cache.Keys, tokens * heads * headDim), .. rig.Halves(cache.Values, tokens * heads * headDim)]);
            }
        }

        Assert.Equal(results[0], results[1]);
        Assert.Contains(results[0], half => half != 0);
    }

    [Fact]
    public void GatherRowsCopiesTheNamedRows() => Check(256, 0, rig =>
    {
        var y = rig.Empty(4, 33);
        rig.Device.GatherRows(rig.Matrix(Rig.Random(1, 9 * 33), 9), [8, 0, 3, 3], y);
        return rig.Values(y);
    });

    [Theory]
    [InlineData(TensorType.F32, 33)]
    [InlineData(TensorType.F16, 96)]
    [InlineData(TensorType.Q8_0, 96)]
    [InlineData(TensorType.Q4_K, 512)]
    public void Embed(TensorType type, int columns) => Check(256, 0, rig =>
    {
        const int rows = 70;
        var x = rig.Empty(rows, columns);
        rig.Device.Embed(Weights(type, rows, columns), type, x);
        return rig.Values(x);
    });

    [Theory]
    [InlineData(1, 512, 1)]
    [InlineData(2, 256, 4)]
    [InlineData(7, 512, 3)]
    [InlineData(64, 1024, 2)]
    [InlineData(150, 256, 2)]
    public void MatMulOfSeveralProjectionsInDifferentEncodings(int rows, int columns, int threads)
    {
        (TensorType Type, int Rows)[] weights =
            [(TensorType.Q4_K, 300), (TensorType.Q8_0, 17), (TensorType.F32, 64), (TensorType.Q6_K, 1), (TensorType.F16, 130), (TensorType.Q4_0, 33)];
        var expected = MatMul(new CpuReference(), rows, columns, weights);
        var seen = MatMul(new CpuDevice(threads), rows, columns, weights);
        for (var i = 0; i < weights.Length; i++)
        {
            Rig.AssertClose(expected[i], seen[i], 1e-4f);
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 33)]
    [InlineData(40, 100)]
    [InlineData(64, 129)]
    public void MatMulOfFloatWeightsWhoseWidthIsNoWholeVector(int rows, int columns)
    {
        (TensorType Type, int Rows)[] weights = [(TensorType.F32, 21), (TensorType.F16, 3)];
        var expected = MatMul(new CpuReference(), rows, columns, weights);
        var seen = MatMul(new CpuDevice(2), rows, columns, weights);
        for (var i = 0; i < weights.Length; i++)
        {
            Rig.AssertClose(expected[i], seen[i], 1e-5f);
        }
    }

    [Fact]
    public void WrongShapesAreRefusedBeforeMemoryIsTouched()
    {
        using var rig = new Rig(new CpuDevice(1));
        var device = rig.Device;
        device.ReserveScratch(4, 256, AttentionLayout.MaxHeadDim);
        var x = rig.Empty(4, 256);
        var cache = rig.Cache(16, 2, 64);
        SequenceSpan[] fits = [new(0, 4, 0, 0)];
        var table = new RopeTable(rig.Vector(new float[32]).Address, 64, 1, RopeLayout.Halves);
        var weight = new Weight(rig.Bytes(new byte[144 * 8]), TensorType.Q4_K, 8, 256);

        Assert.Throws<ArgumentException>(() => device.Add(x, x.Top(3)));
        Assert.Throws<ArgumentException>(() => device.RmsNorm(x, rig.Vector(new float[255]), 1e-5f, x));
        Assert.Throws<ArgumentException>(() => device.RmsNorm(x, weight, 1e-5f, x));
        Assert.Throws<ArgumentException>(() => device.MatMul(x, [new Projection(weight, x)]));
        Assert.Throws<ArgumentException>(() => device.MatMul(x.Reshape(8, 128), [new Projection(weight, x)]));
        Assert.Throws<ArgumentException>(() => device.MatMul(x, [new Projection(weight with { Type = TensorType.TQ1_0 }, x.Reshape(4, 8))]));
        Assert.Throws<ArgumentException>(() => device.Rope(x, 96, table, fits));
        Assert.Throws<ArgumentException>(() => device.Rope(x, 64, table with { Dimensions = 66 }, fits));
        Assert.Throws<ArgumentException>(() => device.Rope(x, 64, table, [new SequenceSpan(1, 4, 0, 0)]));
        Assert.Throws<ArgumentException>(() => device.StoreKv(x.Reshape(8, 128), x.Reshape(8, 128), cache, [new SequenceSpan(0, 8, 9, 0)]));
        Assert.Throws<ArgumentException>(() => device.StoreKv(x, x, cache, fits));
        Assert.Throws<ArgumentException>(() => device.Attention(x, cache, 1, [new SequenceSpan(0, 4, 10, 3)], x));
        Assert.Throws<ArgumentException>(() => device.Attention(x.Reshape(16, 64), cache, 1, fits, x));
        Assert.Throws<ArgumentException>(() => device.Embed(new byte[143], TensorType.Q4_K, x.Top(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => device.GatherRows(x, [4], x.Top(1)));
        Assert.Throws<InvalidOperationException>(() => device.MatMul(rig.Empty(5, 256), [new Projection(weight, rig.Empty(5, 8))]));
    }

    /// <summary>Encoded weights: random blocks with scales that keep every value finite.</summary>
    internal static byte[] Weights(TensorType type, int rows, int columns)
    {
        var bytes = new byte[TensorTypes.BytesOf(type, (long)rows * columns)];
        var random = new Random(rows * 31 + columns);
        if (type is TensorType.F32 or TensorType.F16)
        {
            for (var i = 0; i < rows * columns; i++)
            {
                var value = (float)(random.NextDouble() - 0.5);
                if (type == TensorType.F32)
                {
                    BitConverter.TryWriteBytes(bytes.AsSpan(4 * i), value);
                }
                else
                {
                    BitConverter.TryWriteBytes(bytes.AsSpan(2 * i), (Half)value);
                }
            }

            return bytes;
        }

        random.NextBytes(bytes);
        var (_, blockBytes) = TensorTypes.Block(type);
        for (var block = 0; block < bytes.Length; block += blockBytes)
        {
            // Where the format keeps its float16 scales: the only bytes that must not be arbitrary.
            var scale = (Half)(0.001 + 0.01 * random.NextDouble());
            BitConverter.TryWriteBytes(bytes.AsSpan(block + (type == TensorType.Q6_K ? blockBytes - 2 : 0)), scale);
            if (type == TensorType.Q4_K)
            {
                BitConverter.TryWriteBytes(bytes.AsSpan(block + 2), scale);
            }
        }

        return bytes;
    }

    static float[][] MatMul(IComputeDevice device, int rows, int columns, (TensorType Type, int Rows)[] weights)
    {
        using var rig = new Rig(device);
        device.ReserveScratch(rows, columns, AttentionLayout.MaxHeadDim);
        var x = rig.Matrix(Rig.Random(1, rows * columns), rows);
        var projections = weights
            .Select(w => new Projection(
                new Weight(rig.Bytes(Weights(w.Type, w.Rows, columns)), w.Type, w.Rows, columns), rig.Empty(rows, w.Rows)))
            .ToArray();
        device.MatMul(x, projections);
        return [.. projections.Select(p => rig.Values(p.Y))];
    }

    static IEnumerable<Rig> Pair(int width) => [new(new CpuReference()), new(new CpuDevice(2, width))];

    static void Check(int width, float tolerance, Func<Rig, float[]> run)
    {
        var results = new List<float[]>();
        foreach (var rig in Pair(width))
        {
            using (rig)
            {
                results.Add(run(rig));
            }
        }

        Assert.All(results[0], value => Assert.True(float.IsFinite(value)));
        Rig.AssertClose(results[0], results[1], tolerance);
    }
}
