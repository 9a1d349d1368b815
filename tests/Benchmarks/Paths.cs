using NvStream.Compute.Cpu;
using NvStream.Measurement;
using NvStream.Storage;

namespace NvStream.Benchmarks;

/// <summary>
/// What Measure-NvmePath times, without its checks, against fio: the same file, the same block size and as many reads in
/// flight, by turns, each going on in the file where it stopped.
/// </summary>
static class Paths
{
    const double TargetRate = 0.95;

    /// <summary>Percent of a core that ours may take more than fio.</summary>
    const double TargetProcessor = 10;

    /// <summary>Bytes of each measurement.</summary>
    const long Bytes = 4L << 30;

    static readonly (int BlockSize, int Depth)[] s_settings = [(4 << 20, 8), (16 << 20, 4)];

    public static Section Measure(Bench bench)
    {
        var section = new Section("paths", "HostDirect against fio (io_uring, direct=1)");
        var path = Bench.LargeModel();
        var fio = Fio.Find(path, out var reason).FirstOrDefault(f => f is { Engine: "io_uring", UsesHugePages: true });
        if (fio is null)
        {
            section.Skipped.Add($"the comparison with fio's io_uring: {reason}");
        }

        using var device = new CpuDevice(1);
        using var handle = File.OpenHandle(path);
        var file = new StoredFile(path, RandomAccess.GetLength(handle), handle);
        var size = file.Length / (16 << 20) * (16 << 20);
        section.Notes.Add($"{Bytes / 1e9:F1} GB each time, by turns; {new FileInfo(path).Name}; both with huge pages");
        foreach (var (blockSize, depth) in s_settings)
        {
            Compare(section, bench, fio, device, file, size, blockSize, depth);
        }

        return section;
    }

    static void Compare(Section section, Bench bench, Fio? fio, CpuDevice device, StoredFile file, long size, int blockSize, int depth)
    {
        using var route = StorageRoutes.Open(RouteKind.HostDirect, [file], device, new(blockSize, depth));
        using var window = new ReadWindow(device, route, ReadWindow.ShapeOf(blockSize, depth, size), size, 0);
        var name = $"{blockSize >> 20} MiB x {depth}";
        section.Notes.Add($"{name}: {route.Reason}");
        var (rate, processor, fioRate, fioProcessor) = (new double[bench.Repeats], new double[bench.Repeats], new double[bench.Repeats], new double[bench.Repeats]);
        for (var round = -1; round < bench.Repeats; round++)
        {
            var other = fio?.Measure(file.Path, blockSize, depth, Bytes);
            var used = Environment.CpuUsage.TotalTime;
            var (bytes, time) = window.Run(Bytes, TimeSpan.MaxValue, _ => { }, CancellationToken.None);
            var share = 100 * (Environment.CpuUsage.TotalTime - used) / time;
            if (round >= 0)
            {
                (rate[round], processor[round]) = (bytes / time.TotalSeconds / 1e9, share);
                (fioRate[round], fioProcessor[round]) = ((other?.Rate ?? 0) / 1e9, other?.Processor ?? 0);
            }
        }

        var (ours, oursShare) = (section.Add($"{name}: HostDirect", "GB/s", rate), section.Add($"{name}: HostDirect, processor", "%", processor));
        if (fio is not null)
        {
            var (theirs, theirShare) = (section.Add($"{name}: {fio.Name}", "GB/s", fioRate), section.Add($"{name}: fio, processor", "%", fioProcessor));
            section.Checks.Add(Check.AtLeast($"{name}: HostDirect / fio", ours.Median / theirs.Median, TargetRate));
            section.Checks.Add(Check.AtMost($"{name}: processor, HostDirect - fio, points", oursShare.Median - theirShare.Median, TargetProcessor));
        }
    }
}
