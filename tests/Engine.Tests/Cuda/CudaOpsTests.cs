using System.Runtime.InteropServices;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Tests.Cpu;
using NvStream.Tests.Formats;

namespace NvStream.Tests.Cuda;

/// <summary>The operations beside product and attention, against the formulas in double.</summary>
[Collection(SerialCollection.Name)]
public sealed class CudaOpsTests
{
    const double Tolerance = 1e-5;

    public static TheoryData<int, int> Shapes => new() { { 1, 2048 }, { 1, 4096 }, { 3, 8192 }, { 1, 28672 }, { 77, 4096 }, { 5, 1 }, { 9, 333 }, { 512, 96 }, { 2000, 128 } };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Norms_match(int rows, int columns)
    {
        var (x, delta, gain) = (Gpu.Activations(rows * columns, 1), Gpu.Activations(rows * columns, 2), Gpu.Activations(columns, 3));
        Compare(rows, columns, rig =>
        {
            var (xm, dm, y) = (rig.Matrix(x, rows), rig.Matrix(delta, rows), rig.Empty(rows, columns));
            rig.Device.RmsNorm(xm, rig.Vector(gain), 1e-5f, y);
            var plain = rig.Values(y);
            rig.Device.AddRmsNorm(xm, dm, rig.Vector(gain), 1e-5f, dm);
            var (sum, normed) = (rig.Values(xm), rig.Values(dm));
            rig.Device.RmsNorm(xm, rig.Vector(gain), 1e-5f, xm);
            return [plain, sum, normed, rig.Values(xm)];
        });
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Elementwise_operations_match(int rows, int columns)
    {
        var (a, b, bias) = (Gpu.Activations(rows * columns, 4), Gpu.Activations(rows * columns, 5), Gpu.Activations(columns, 6));
        var picked = Enumerable.Range(0, Math.Min(rows, 7)).Select(i => (i * 5 + 3) % rows).ToArray();
        Compare(rows, columns, rig =>
        {
            var (gate, up, y) = (rig.Matrix(a, rows), rig.Matrix(b, rows), rig.Empty(rows, columns));
            rig.Device.SwiGlu(gate, up, y);
            var apart = rig.Values(y);
            rig.Device.SwiGlu(gate, up, gate);
            var inPlace = rig.Values(gate);
            rig.Device.Add(up, gate);
            rig.Device.AddBias(up, rig.Vector(bias));
            var gathered = rig.Empty(picked.Length, columns);
            rig.Device.GatherRows(up, picked, gathered);
            return [apart, inPlace, rig.Values(up), rig.Values(gathered)];
        });
    }

    /// <summary>What a norm or a gate hands to the product must be what the product would make of its result itself.</summary>
    [Theory]
    [InlineData(1, 4096, 1)]
    [InlineData(12, 1024, 5)]
    [InlineData(3, 28672, 3)]
    [InlineData(40, 512, 0)]
    public void Products_after_norm_and_gate_are_those_of_their_results(int rows, int columns, int decodeRows)
    {
        using var gpu = Gpu.OpenRig(rows, columns);
        var weights = new[] { TensorType.Q4_K, TensorType.F16 }.Select(
            t => new Weight(gpu.Bytes(Gpu.Weights(t, 70, columns, 3)), t, 70, columns)).ToArray();
        var (a, b, gain) = (Gpu.Activations(rows * columns, 1), Gpu.Activations(rows * columns, 2), Gpu.Activations(columns, 3));
        var (x, up, y) = (gpu.Matrix(a, rows), gpu.Matrix(b, rows), gpu.Empty(rows, columns));
        SequenceSpan[] sequences = [.. Enumerable.Range(0, rows).Select(r => new SequenceSpan(r, 1, 0, 0, r < decodeRows))];

        // What products read of a matrix is known from the first time on, and written with it from then on.
        for (var pass = 0; pass < 2; pass++)
        {
            gpu.Device.BeginPass(sequences, []);
            gpu.Device.RmsNorm(x, gpu.Vector(gain), 1e-5f, y);
            AssertSameProducts();
            gpu.Device.SwiGlu(x, up, y);
            AssertSameProducts();
            gpu.Device.AddRmsNorm(x, up, gpu.Vector(gain), 1e-5f, y);
            AssertSameProducts();
        }

        void AssertSameProducts()
        {
            var products = Products(y);
            Assert.Equal(Products(gpu.Matrix(gpu.Values(y), rows)), products);
        }

        float[][] Products(Matrix of) => [.. weights.Select(w =>
        {
            var result = gpu.Empty(rows, w.Rows);
            gpu.Device.MatMul(of, [new(w, result)], decodeRows);
            return gpu.Values(result);
        })];
    }

    [Theory]
    [InlineData(RopeLayout.Interleaved, 128, 128)]
    [InlineData(RopeLayout.Halves, 128, 128)]
    [InlineData(RopeLayout.Halves, 64, 64)]
    [InlineData(RopeLayout.Interleaved, 80, 32)]
    [InlineData(RopeLayout.Halves, 80, 32)]
    [InlineData(RopeLayout.Interleaved, 2, 2)]
    public void Rope_and_cells_match_at_any_position(RopeLayout layout, int headDim, int dimensions)
    {
        const int kvHeads = 3, group = 4, tokens = 500;
        SequenceSpan[] sequences = [new(0, 1, 0, 130, true), new(1, 1, 200, 7, true), new(2, 90, 300, 0)];
        const int rows = 92;
        var frequencies = Enumerable.Range(0, dimensions / 2).Select(i => MathF.Pow(500_000, -2f * i / dimensions)).ToArray();
        var (qs, ks, vs) = (Gpu.Activations(rows * kvHeads * group * headDim, 1), Gpu.Activations(rows * kvHeads * headDim, 2), Gpu.Activations(rows * kvHeads * headDim, 3));
        Compare(rows, kvHeads * group * headDim, rig =>
        {
            var rope = new RopeTable(rig.Bytes(MemoryMarshal.AsBytes(frequencies.AsSpan())), dimensions, 1.25f, layout);
            var (q, k, v) = (rig.Matrix(qs, rows), rig.Matrix(ks, rows), rig.Matrix(vs, rows));
            var cache = rig.Cache(tokens, kvHeads, headDim);
            rig.Device.BeginPass(sequences, []);
            rig.Device.RopeAndStoreKv(q, k, v, rope, cache, sequences);
            var fused = new[] { rig.Values(q), Halves(rig, cache.Keys, tokens * kvHeads * headDim), Halves(rig, cache.Values, tokens * kvHeads * headDim) };
            var (k2, apart) = (rig.Matrix(ks, rows), rig.Cache(tokens, kvHeads, headDim));
            rig.Device.Rope(k2, headDim, rope, sequences);
            rig.Device.StoreKv(k2, v, apart, sequences);
            return [.. fused, rig.Values(k2), Halves(rig, apart.Keys, tokens * kvHeads * headDim)];
        }, headDim, tolerance: 3e-5);
    }

    [Fact]
    public void Rope_keeps_its_precision_at_far_positions()
    {
        const int headDim = 128;
        SequenceSpan[] sequences = [new(0, 1, 0, 131_071, true), new(1, 1, 0, 65_537, true), new(2, 1, 0, 8191, true)];
        var frequencies = Enumerable.Range(0, headDim / 2).Select(i => MathF.Pow(10_000, -2f * i / headDim)).ToArray();
        var x = Gpu.Activations(3 * headDim, 1);
        Compare(3, headDim, rig =>
        {
            var rope = new RopeTable(rig.Bytes(MemoryMarshal.AsBytes(frequencies.AsSpan())), headDim, 1, RopeLayout.Halves);
            var m = rig.Matrix(x, 3);
            rig.Device.Rope(m, headDim, rope, sequences);
            return [rig.Values(m)];
        }, tolerance: 1e-5);
    }

    [Theory]
    [MemberData(nameof(CudaMatMulTests.Types), MemberType = typeof(CudaMatMulTests))]
    public void Embedding_rows_are_the_CPUs(TensorType type)
    {
        const int rows = 37, columns = 1024;
        var weights = Gpu.Weights(type, rows, columns, seed: 8);
        Compare(rows, columns, rig =>
        {
            var x = rig.Empty(rows, columns);
            rig.Device.Embed(weights, type, x);
            return [rig.Values(x)];
        }, tolerance: 1e-6);
    }

    [Theory]
    [InlineData(1, 128_256, 128_256, 1)]
    [InlineData(1, 128_256, 128_000, 40)]
    [InlineData(64, 32_000, 32_000, 104)]
    [InlineData(3, 152_064, 151_936, 512)]
    [InlineData(2, 700, 513, 512)]
    [InlineData(5, 7, 7, 7)]
    [InlineData(5, 7, 6, 1)]
    public void The_largest_logits_are_found_in_order(int rows, int columns, int looked, int k)
    {
        var values = Gpu.Activations(rows * columns, k);
        for (var i = 0; i < values.Length; i += 3)
        {
            values[i] = MathF.Round(values[i], 1);
        }

        values[0] = float.NaN;
        values[^1] = float.PositiveInfinity;
        using var gpu = Gpu.OpenRig(rows, columns);
        using var cpu = Gpu.OpenCpuRig(1, 32);
        var (ids, found) = Find(gpu);
        var (expectedIds, expected) = Find(cpu);
        Assert.Equal(expectedIds, ids);
        Assert.Equal(expected, found);

        (int[], float[]) Find(Rig rig)
        {
            var (i, v) = (new int[rows * k], new float[rows * k]);
            rig.Device.TopK(rig.Matrix(values, rows), looked, k, i, v);
            return (i, v);
        }
    }

    [Fact]
    public void Top_values_of_a_row_that_is_one_value_are_its_first_columns()
    {
        const int columns = 50_000, k = 64;
        using var gpu = Gpu.OpenRig(1, columns);
        var (ids, values) = (new int[k], new float[k]);
        gpu.Device.TopK(gpu.Matrix(Enumerable.Repeat(-1.5f, columns).ToArray(), 1), columns, k, ids, values);
        Assert.Equal(Enumerable.Range(0, k), ids);
        Assert.All(values, v => Assert.Equal(-1.5f, v));
    }

    static float[] Halves(Rig rig, nint address, int count) => [.. rig.Halves(address, count).Select(h => (float)BitConverter.UInt16BitsToHalf(h))];

    static void Compare(int rows, int columns, Func<Rig, float[][]> run, int headDim = 128, double tolerance = Tolerance)
    {
        using var gpu = Gpu.OpenRig(rows, columns, headDim);
        using var reference = new Rig(new CpuReference());
        var (expected, seen) = (run(reference), run(gpu));
        for (var i = 0; i < expected.Length; i++)
        {
            Gpu.AssertClose(expected[i], seen[i], tolerance);
        }
    }
}
