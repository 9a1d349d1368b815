using NvStream.Compute;
using NvStream.Compute.Cuda;
using NvStream.Gguf;

namespace NvStream.Benchmarks.Cuda;

/// <summary>Products alone, timed by events on the GPU, against the rate of a plain read in the same run.</summary>
static class CudaKernels
{
    const double TargetOfPeak = 0.70;
    const double TargetOfOneColumn = 1.5;
    const double TargetPrefill = 150;
    const int MostRows = 512;
    const int Launches = 10;

    static readonly TensorType[] s_types = [TensorType.Q4_K, TensorType.Q6_K, TensorType.Q8_0, TensorType.Q4_0, TensorType.F16];
    static readonly TensorType[] s_others =
        [TensorType.Q2_K, TensorType.Q3_K, TensorType.Q5_K, TensorType.Q4_1, TensorType.Q5_0, TensorType.Q5_1, TensorType.IQ4_NL, TensorType.IQ4_XS, TensorType.IQ3_XXS, TensorType.IQ3_S, TensorType.BF16];

    static readonly (int Rows, int Columns)[] s_shapes = [(8192, 28672), (28672, 8192)];

    public static Task<Section> Measure(Bench bench)
    {
        using var device = CudaBench.Open();
        var section = new Section("cuda-kernels", $"products on {device.Info.Name}, {Launches} launches between events, activations encoded beforehand");
        device.ReserveScratch(MostRows, s_shapes.Max(s => s.Columns), 128);
        var peak = Peak(section, bench, device);
        foreach (var (rows, columns) in s_shapes)
        {
            foreach (var type in s_types)
            {
                Products(section, bench, device, type, rows, columns, peak, isTarget: true);
            }
        }

        foreach (var type in s_others)
        {
            Products(section, bench, device, type, s_shapes[0].Rows, s_shapes[0].Columns, peak, isTarget: false);
        }

        return Task.FromResult(section);
    }

    static double Peak(Section section, Bench bench, CudaDevice device)
    {
        const long bytes = 4L << 30;
        using var source = device.Allocate(bytes, "read bandwidth");
        var rates = CudaBench.Repeat(bench, () => bytes * (double)Launches / device.Time(() =>
        {
            for (var i = 0; i < Launches; i++)
            {
                device.ReadThrough(source);
            }
        }).TotalSeconds / 1e9);
        return section.Add("plain read of 4 GiB", "GB/s", rates).Median;
    }

    static void Products(Section section, Bench bench, CudaDevice device, TensorType type, int rows, int columns, double peak, bool isTarget)
    {
        using var weights = CudaBench.Weights(device, type, rows, columns);
        using var x = device.Allocate((long)MostRows * columns * sizeof(float), "x");
        using var y = device.Allocate((long)MostRows * rows * sizeof(float), "y");
        CudaBench.FillActivations(device, x, MostRows * columns);
        var name = $"{type} {rows} x {columns}";
        var weight = new Weight(weights.Address, type, rows, columns);

        double Seconds(int columnsOfX, bool isDecoding) => device.Time(() =>
        {
            for (var i = 0; i < Launches; i++)
            {
                device.MatMul(new(x.Address, columnsOfX, columns), [new(weight, new(y.Address, columnsOfX, rows))], isDecoding ? columnsOfX : 0);
            }
        }).TotalSeconds / Launches;

        var one = section.Add($"{name}, 1 column", "GB/s", CudaBench.Repeat(bench, () => weights.Length / Seconds(1, true) / 1e9));
        var eight = section.Add($"{name}, 8 columns", "GB/s", CudaBench.Repeat(bench, () => weights.Length / Seconds(8, true) / 1e9));
        var prefill = section.Add(
            $"{name}, {MostRows} columns of prompt", "TFLOP/s", CudaBench.Repeat(bench, () => 2.0 * rows * columns * MostRows / Seconds(MostRows, false) / 1e12));
        if (!isTarget)
        {
            return;
        }

        section.Checks.Add(Check.AtLeast($"{name}, 1 column / plain read", one.Median / peak, TargetOfPeak));
        section.Checks.Add(Check.AtMost($"{name}, time of 8 columns / time of 1", one.Median / eight.Median, TargetOfOneColumn));
        if (type == TensorType.Q4_K)
        {
            section.Checks.Add(Check.AtLeast($"{name}, {MostRows} columns, TFLOP/s", prefill.Median, TargetPrefill));
        }
    }
}
