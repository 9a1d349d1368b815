using System.Text.Json;
using NvStream.Compute.Cpu;
using NvStream.Measurement;
using NvStream.Storage;

namespace NvStream.Benchmarks.Cuda;

/// <summary>
/// From a file into a GPU's memory: HostStaged against plain direct reads into host memory, CuFileCompat against what a
/// small C program gets out of cuFile with the same settings; by turns, each going on in the file where it stopped.
/// </summary>
static class CudaPaths
{
    const double TargetStaged = 0.95;
    const double TargetCuFile = 0.9;

    /// <summary>Bytes of each measurement, read in turns, so that a drive whose rate drifts is the same for all.</summary>
    const long Bytes = 2L << 30;
    const int Turns = 4;

    /// <summary>The C program tries several ways, each a few times: together they read about what the others do.</summary>
    const int ProgramRuns = 8;

    static readonly (int BlockSize, int Depth)[] s_settings = [(1 << 20, 8), (4 << 20, 8), (16 << 20, 4)];

    public static Section Measure(Bench bench)
    {
        var section = new Section("cuda-paths", "from a file into a GPU's memory");
        var path = Bench.LargeModel();
        using var gpu = CudaBench.Open();
        using var cpu = new CpuDevice(1);
        using var handle = File.OpenHandle(path);
        var file = new StoredFile(path, RandomAccess.GetLength(handle), handle);
        var size = file.Length / (16 << 20) * (16 << 20);
        section.Notes.Add($"{Bytes / 1e9:F1} GB each time, by turns, with none of it in the page cache; {Path.GetFileName(path)}");
        var program = CuFileProgram.Build(out var refusal);
        if (program is null)
        {
            section.Skipped.Add($"the comparison with a C program: {refusal}");
        }

        foreach (var (blockSize, depth) in s_settings)
        {
            var name = $"{blockSize >> 20} MiB x {depth}";
            var options = new RouteOptions(blockSize, depth);
            using var direct = new Lane(RouteKind.HostDirect, file, size, cpu, options);
            using var staged = new Lane(RouteKind.HostStaged, file, size, gpu, options);
            using var cuFile = Lane.TryOpen(RouteKind.CuFileCompat, file, size, gpu, options, out var reason);
            if (cuFile is null)
            {
                section.Skipped.Add($"{name}: CuFileCompat: {reason}");
            }

            var theirs = new double[bench.Repeats];
            for (var round = -1; round < bench.Repeats; round++)
            {
                for (var turn = 0; turn < Turns; turn++)
                {
                    direct.Run(round);
                    staged.Run(round);
                    cuFile?.Run(round);
                }

                if (cuFile is not null && program is not null && round >= 0)
                {
                    theirs[round] = program.Rate(path, blockSize, depth, Bytes / ProgramRuns) / 1e9;
                }
            }

            var plain = direct.AddTo(section, name);
            var ours = staged.AddTo(section, name);
            section.Checks.Add(Check.AtLeast($"{name}: HostStaged / plain direct reads", ours.Median / plain.Median, TargetStaged));
            if (cuFile?.AddTo(section, name) is { } through && program is not null)
            {
                var best = section.Add($"{name}: C program, the best way to use cuFile's batches", "GB/s", theirs);
                section.Checks.Add(Check.AtLeast($"{name}: CuFileCompat / C program", through.Median / best.Median, TargetCuFile));
            }
        }

        return section;
    }

    /// <summary>A route that is timed again and again.</summary>
    sealed class Lane : IDisposable
    {
        readonly StoredFile _file;
        readonly IStorageRoute _route;
        readonly ReadWindow _window;
        readonly List<(long Bytes, TimeSpan Time, TimeSpan Processor)> _turns = [];

        public Lane(RouteKind kind, StoredFile file, long size, Compute.IComputeDevice device, RouteOptions options)
        {
            _file = file;
            _route = StorageRoutes.Open(kind, [file], device, options);
            _window = new(device, _route, ReadWindow.ShapeOf(options.BlockSize, options.QueueDepth, size), size, 0);
        }

        public static Lane? TryOpen(RouteKind kind, StoredFile file, long size, Compute.IComputeDevice device, RouteOptions options, out string reason)
        {
            try
            {
                reason = "";
                return new(kind, file, size, device, options);
            }
            catch (StorageException e)
            {
                reason = e.Message;
                return null;
            }
        }

        /// <param name="round">Below 0 it warms up.</param>
        public void Run(int round)
        {
            // Compatibility mode reads through the page cache where it can.
            PageCache.Evict(_file.Handle, 0, _file.Length);
            var used = Environment.CpuUsage.TotalTime;
            var (bytes, time) = _window.Run(Bytes / Turns, TimeSpan.MaxValue, _ => { }, CancellationToken.None);
            if (round >= 0)
            {
                _turns.Add((bytes, time, Environment.CpuUsage.TotalTime - used));
            }
        }

        public Sample AddTo(Section section, string name)
        {
            section.Notes.Add($"{name}, {_route.Kind}: {_route.Reason}");
            var rounds = _turns.Chunk(Turns).ToArray();
            section.Add($"{name}: {_route.Kind}, processor", "%", rounds.Select(r => 100 * r.Sum(t => t.Processor.TotalSeconds) / r.Sum(t => t.Time.TotalSeconds)));
            return section.Add($"{name}: {_route.Kind}", "GB/s", rounds.Select(r => r.Sum(t => t.Bytes) / r.Sum(t => t.Time.TotalSeconds) / 1e9));
        }

        public void Dispose()
        {
            _window.Dispose();
            _route.Dispose();
        }
    }

    /// <summary>cufile_rate.c, compiled here.</summary>
    sealed class CuFileProgram(string path)
    {
        /// <summary>Null with the reason where there is no compiler.</summary>
        public static CuFileProgram? Build(out string reason)
        {
            reason = "";
            var path = Path.Combine(Bench.Cache, "cufile_rate");
            try
            {
                Tool.Run("gcc", ["-O2", "-o", path, Path.Combine(Bench.Project, "Cuda", "cufile_rate.c"), "-ldl", "-lpthread"]);
                return new(path);
            }
            catch (BenchmarkException e)
            {
                reason = e.Message;
                return null;
            }
        }

        /// <summary>Bytes per second of the fastest organisation of batches.</summary>
        public double Rate(string file, int blockSize, int depth, long bytes)
        {
            var output = Tool.Run(path, [file, $"{blockSize}", $"{depth}", $"{bytes}"]);
            var answer = JsonSerializer.Deserialize<JsonElement>(output);
            return answer.TryGetProperty("bytes_per_second", out var rate) && answer.GetProperty("verified").GetBoolean()
                ? rate.GetDouble()
                : throw new BenchmarkException("cufile_rate: " + output.Trim());
        }
    }
}
