using NvStream.Compute;
using NvStream.Gguf;
using NvStream.Tests.Cpu;
using NvStream.Tests.Formats;

namespace NvStream.Tests.Cuda;

/// <summary>Products on the GPU against the CPU device, and against themselves in other company.</summary>
[Collection(SerialCollection.Name)]
public sealed class CudaMatMulTests
{
    const double Quantized = 1e-2;
    const double Exact = 1e-3;

    static readonly int[] RowCounts = [1, 2, 3, 4, 5, 8, 9, 16, 33, 70];

    public static TheoryData<TensorType> Types => FormatCases.AllTypes;

    /// <summary>Rows and columns of a 1B, an 8B and a 70B model's layers, and some that fit no tile.</summary>
    public static TheoryData<TensorType, int, int> Shapes
    {
        get
        {
            var data = new TheoryData<TensorType, int, int>();
            foreach (var type in FormatCases.Types)
            {
                data.Add(type, 131, 768);
                data.Add(type, 2048, 8192);
            }

            foreach (var type in new[] { TensorType.Q4_K, TensorType.Q6_K, TensorType.Q8_0, TensorType.F16 })
            {
                data.Add(type, 1024, 4096);
                data.Add(type, 4096, 14336);
                data.Add(type, 8192, 28672);
            }

            foreach (var type in new[] { TensorType.Q4_0, TensorType.Q8_0, TensorType.IQ4_NL, TensorType.Q5_1 })
            {
                data.Add(type, 37, 96);
                data.Add(type, 1, 32);
            }

            data.Add(TensorType.F16, 19, 77);
            data.Add(TensorType.F32, 19, 77);
            data.Add(TensorType.BF16, 19, 77);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Decoded_rows_match_the_CPU(TensorType type, int weightRows, int columns) =>
        Matches(type, weightRows, columns, weightRows > 2048 ? [1, 8] : RowCounts, isDecoding: true);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Prompt_rows_match_the_CPU(TensorType type, int weightRows, int columns) =>
        Matches(type, weightRows, columns, weightRows > 4096 ? [512] : [1, 17, 64, 130, 300], isDecoding: false);

    static void Matches(TensorType type, int weightRows, int columns, int[] rowCounts, bool isDecoding)
    {
        using var gpu = Gpu.OpenRig(rowCounts.Max(), columns);
        using var cpu = Gpu.OpenCpuRig(rowCounts.Max(), columns);
        var weights = Gpu.Weights(type, weightRows, columns, seed: weightRows + columns);
        var (onGpu, onCpu) = (Weight(gpu, type, weights, weightRows, columns), Weight(cpu, type, weights, weightRows, columns));
        foreach (var rows in rowCounts)
        {
            var x = Gpu.Activations(rows * columns, rows);
            var expected = Multiply(cpu, onCpu, x, rows, isDecoding);
            var seen = Multiply(gpu, onGpu, x, rows, isDecoding);

            // The CPU's own rounding of a single block of activations to 8 bits reaches a hundredth.
            var quantized = columns < 64 ? 2 * Quantized : Quantized;
            Gpu.AssertClose(expected, seen, type is TensorType.F32 or TensorType.F16 or TensorType.BF16 ? Exact : quantized);
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void A_row_has_the_same_bits_whatever_else_is_multiplied(TensorType type)
    {
        const int columns = 2304, weightRows = 203, most = 150;
        using var gpu = Gpu.OpenRig(most, columns);
        var weight = Weight(gpu, type, Gpu.Weights(type, weightRows, columns, seed: 5), weightRows, columns);
        var x = Gpu.Activations(most * columns, 6);
        foreach (var isDecoding in new[] { true, false })
        {
            var all = Multiply(gpu, weight, x, most, isDecoding);
            foreach (var rows in new[] { 1, 2, 3, 4, 5, 7, 8, 12, 16, 32, 64, 65, 129 })
            {
                var some = Multiply(gpu, weight, x[..(rows * columns)], rows, isDecoding);
                Assert.Equal(all[..(rows * weightRows)], some);
            }
        }
    }

    [Fact]
    public void Kinds_and_types_mix_in_one_call()
    {
        const int columns = 1024, rows = 40, decodeRows = 7;
        using var gpu = Gpu.OpenRig(rows, columns);
        TensorType[] types = [TensorType.Q4_K, TensorType.Q4_K, TensorType.Q6_K];
        int[] sizes = [512, 96, 130];
        var weights = types.Select((t, i) => Weight(gpu, t, Gpu.Weights(t, sizes[i], columns, i), sizes[i], columns)).ToArray();
        var x = Gpu.Activations(rows * columns, 9);
        var together = sizes.Select(s => gpu.Empty(rows, s)).ToArray();
        gpu.Device.MatMul(gpu.Matrix(x, rows), [.. weights.Zip(together, (w, y) => new Projection(w, y))], decodeRows);
        for (var i = 0; i < weights.Length; i++)
        {
            var seen = gpu.Values(together[i]);
            Assert.Equal(Multiply(gpu, weights[i], x[..(decodeRows * columns)], decodeRows, isDecoding: true), seen[..(decodeRows * sizes[i])]);
            Assert.Equal(Multiply(gpu, weights[i], x[(decodeRows * columns)..], rows - decodeRows, isDecoding: false), seen[(decodeRows * sizes[i])..]);
        }
    }

    /// <summary>Tensors begin 32 bytes into a page here and anywhere in a file: no kernel may ask for more.</summary>
    [Theory]
    [MemberData(nameof(Types))]
    public void Weights_need_no_more_than_32_byte_alignment(TensorType type)
    {
        const int columns = 512, weightRows = 33, rows = 9;
        using var gpu = Gpu.OpenRig(rows, columns);
        var weights = Gpu.Weights(type, weightRows, columns, seed: 2);
        var x = Gpu.Activations(rows * columns, 1);
        var aligned = Weight(gpu, type, weights, weightRows, columns);
        var shifted = new Weight(gpu.Bytes([.. new byte[32], .. weights, .. new byte[64]]) + 32, type, weightRows, columns);
        foreach (var isDecoding in new[] { true, false })
        {
            Assert.Equal(Multiply(gpu, aligned, x, rows, isDecoding), Multiply(gpu, shifted, x, rows, isDecoding));
        }

        Assert.Equal(Multiply(gpu, aligned, x[..columns], 1, isDecoding: true), Multiply(gpu, shifted, x[..columns], 1, isDecoding: true));
    }

    [Fact]
    public void Activations_beyond_the_range_of_float16_are_multiplied()
    {
        const int columns = 1024, weightRows = 64, rows = 20;
        using var gpu = Gpu.OpenRig(rows, columns);
        using var cpu = Gpu.OpenCpuRig(rows, columns);
        var weights = Gpu.Weights(TensorType.F16, weightRows, columns, seed: 2);
        float[] x = [.. Gpu.Activations(rows * columns, 1).Select((v, i) => v * (i / columns % 3 == 0 ? 1e7f : i / columns % 3 == 1 ? 1e-7f : 0))];
        var expected = Multiply(cpu, Weight(cpu, TensorType.F16, weights, weightRows, columns), x, rows, isDecoding: false);
        foreach (var isDecoding in new[] { true, false })
        {
            var seen = Multiply(gpu, Weight(gpu, TensorType.F16, weights, weightRows, columns), x, rows, isDecoding);
            for (var r = 0; r < rows; r++)
            {
                Gpu.AssertClose(expected.AsSpan(r * weightRows, weightRows), seen.AsSpan(r * weightRows, weightRows), Exact);
            }
        }
    }

    static Weight Weight(Rig rig, TensorType type, byte[] bytes, int rows, int columns) => new(rig.Bytes(bytes), type, rows, columns);

    /// <summary>A product whose every result is written: it starts from poison.</summary>
    static float[] Multiply(Rig rig, Weight weight, float[] x, int rows, bool isDecoding)
    {
        var poison = new float[rows * weight.Rows];
        Array.Fill(poison, float.NaN);
        var y = rig.Matrix(poison, rows);
        rig.Device.MatMul(rig.Matrix(x, rows), [new(weight, y)], isDecoding ? rows : 0);
        return rig.Values(y);
    }
}
