using System.Diagnostics;
using NvStream.Compute;

namespace NvStream.Benchmarks.Cuda;

/// <summary>The 8B shape under a quarter of its size, the rest in pinned host memory: bytes per second against a plain copy.</summary>
static class CudaStreaming
{
    const double Target = 0.90;
    const int Tokens = 16;

    public static async Task<Section> Measure(Bench bench)
    {
        var section = new Section("cuda-streaming", "8B-shaped Q4_K_M, a quarter of it in the GPU's memory, the rest in pinned host memory");
        var path = CudaBench.Model();
        double[] copies;
        using (var device = CudaBench.Open())
        {
            copies = Copies(device, bench);
        }

        var quarter = new FileInfo(path).Length / 4;
        using var session = new Session(path, bench, quarter, device: "Cuda", hostBudget: 16L << 30);
        var model = session.Model;
        var bytes = model.Plan.Layers.Where(l => l.Tier != NvStream.Streaming.Tier.Device).Sum(l => l.Bytes);
        section.Notes.Add($"{model.ResidentLayerCount} layers resident, {model.HostLayerCount} in host memory, {model.StreamedLayerCount} on storage; {bytes / 1e9:F2} GB a pass over the bus");
        var rates = new double[bench.Repeats];
        for (var round = -1; round < bench.Repeats; round++)
        {
            var decode = (await session.Run(2, Tokens)).Decode;
            if (round >= 0)
            {
                rates[round] = decode * bytes / 1e9;
            }
        }

        var plain = section.Add("pinned host to device, plain copies of 256 MiB", "GB/s", copies);
        var streamed = section.Add("decode of one sequence", "GB/s", rates);
        section.Checks.Add(Check.AtLeast("decode / plain copies", streamed.Median / plain.Median, Target));
        return section;
    }

    static double[] Copies(IComputeDevice device, Bench bench)
    {
        const long size = 256L << 20;
        const int count = 16;
        var copies = device.HostCopies!;
        using var source = copies.AllocateHost(size, "copy rate");
        using var target = device.Allocate(size, "copy rate");
        return CudaBench.Repeat(bench, () =>
        {
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < count; i++)
            {
                copies.Copy(source.Address, target.Address, size, null);
            }

            copies.RecordCopyFence(0).Wait();
            return count * size / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
        });
    }
}
