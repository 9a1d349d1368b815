using System.Diagnostics;
using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Models;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Benchmarks;

/// <summary>
/// The belt against the disk. Where computing is faster than reading, a pass must take what the reads take: the belt's
/// bytes per second against fio's. Where it is slower, a pass must take what the computing takes: a streamed pass
/// against a resident one.
/// </summary>
static class Streaming
{
    const double TargetRate = 0.90;
    const double TargetSlowdown = 1.10;
    const int BlockSize = 1 << 20;
    const int Depth = 8;
    const int Slots = 2;
    const int Tokens = 4;
    const int PrefillTokens = 256;

    /// <summary>Bytes of each measurement of the disk: long enough that its start does not count.</summary>
    const long Bytes = 2L << 30;

    public static async Task<Section> Measure(Bench bench)
    {
        var section = new Section("streaming", "the belt against the disk and against resident layers");
        await FasterThanDisk(section, bench);
        await SlowerThanDisk(section, bench);
        return section;
    }

    /// <summary>Float32 weights: the most bytes for the least work.</summary>
    static async Task FasterThanDisk(Section section, Bench bench)
    {
        var path = Bench.Make("1.1B-half-F32", SyntheticModel.OfShape("1.1B") with { Name = "synthetic-1.1B-half", Type = "F32", LayerCount = 8 });
        using var belt = new BareBelt(path);
        var disks = Fio.Find(path, out var reason);
        using var session = new Session(path, bench, Session.LeastBudget(path, bench), route: RouteKind.HostDirect);
        var plan = session.Model.Plan;
        section.Notes.Add(
            $"reads: direct, {BlockSize >> 20} MiB blocks, {Depth} in flight, {Slots} slots of {belt.SlotBytes / 1e6:F0} MB; huge pages; fio reads the same file in the same way");
        section.Notes.Add($"decode, F32: {plan.BytesPerPass / 1e9:F2} GB of {(plan.BytesPerPass + plan.ResidentBytes) / 1e9:F2} GB a pass streamed");

        var read = disks.ToDictionary(d => d, _ => new double[bench.Repeats]);
        var (bare, decode) = (new double[bench.Repeats], new double[bench.Repeats]);
        for (var round = -1; round < bench.Repeats; round++)
        {
            foreach (var disk in disks)
            {
                var rate = disk.Read(path, BlockSize, Depth, Bytes);
                if (round >= 0)
                {
                    read[disk][round] = rate / 1e9;
                }
            }

            var belted = belt.Run(Bytes);
            var decoded = await session.Run(2, Tokens);
            await Machine.ReadsSettle();
            if (round >= 0)
            {
                bare[round] = belted / 1e9;
                decode[round] = decoded.Decode * plan.BytesPerPass / 1e9;
            }
        }

        var best = disks.Select(d => section.Add(d.Name, "GB/s", read[d])).MaxBy(s => s.Median);
        var belts = section.Add("belt alone (layers acquired and released)", "GB/s", bare);
        var decodes = section.Add("decode of one sequence, all that can be streamed", "GB/s", decode);
        if (best is null)
        {
            section.Skipped.Add($"the comparison with fio: {reason}");
            return;
        }

        section.Checks.Add(Check.AtLeast($"belt alone / {best.Name}", belts.Median / best.Median, TargetRate));
        section.Checks.Add(Check.AtLeast($"decode / {best.Name}", decodes.Median / best.Median, TargetRate));
    }

    /// <summary>A chunk of prompt a pass: much work on each byte read.</summary>
    static async Task SlowerThanDisk(Section section, Bench bench)
    {
        var path = Bench.Model();
        using var resident = new Session(path, bench);
        using var streamed = new Session(path, bench, Session.LeastBudget(path, bench, PrefillTokens), route: RouteKind.HostDirect);
        var (fast, slow, stall) = (new double[bench.Repeats], new double[bench.Repeats], new double[bench.Repeats]);
        for (var round = -1; round < bench.Repeats; round++)
        {
            var a = await resident.Run(PrefillTokens, 0);
            var b = await streamed.Run(PrefillTokens, 0);
            await Machine.ReadsSettle();
            if (round >= 0)
            {
                fast[round] = a.PrefillTime;
                slow[round] = b.PrefillTime;
                stall[round] = b.StallFraction * 100;
            }
        }

        var plan = streamed.Model.Plan;
        section.Notes.Add(
            $"prefill of {PrefillTokens} tokens, Q4_K_M: {plan.BytesPerPass / 1e9:F2} GB a pass streamed, passes of {plan.PassRows} rows; resident: passes of {resident.Model.Plan.PassRows} rows");
        var one = section.Add($"prefill of {PrefillTokens} tokens, resident", "s", fast);
        var other = section.Add($"prefill of {PrefillTokens} tokens, streamed", "s", slow);
        section.Add("  of which compute waited for bytes", "%", stall);
        section.Checks.Add(Check.AtMost("pass streamed / pass resident, compute slower than disk", other.Median / one.Median, TargetSlowdown));
    }

    /// <summary>A belt over all layers of a file whose compute does nothing.</summary>
    sealed class BareBelt : IDisposable
    {
        readonly GgufFile _file;
        readonly CpuDevice _device = new(1);
        readonly IStorageRoute _route;
        readonly LayerLayout[] _layers;

        public BareBelt(string path)
        {
            _file = GgufFile.Open(path);
            _layers = LayerLayout.Read(_file, ModelSpec.FromGguf(_file), _device.Supports);
            SlotBytes = _layers.Max(l => l.Bytes);
            _route = StorageRoutes.Open(RouteKind.HostDirect, _file, _device, new(BlockSize, Depth));
        }

        public long SlotBytes { get; }

        /// <summary>
        /// Bytes per second through whole cycles of at least so many bytes, after one cycle that touches the slots'
        /// memory for the first time. What is read ahead at the start is read ahead at the end as well.
        /// </summary>
        public double Run(long bytes)
        {
            using var belt = new SlotBelt(_device, _route, _layers, Slots, SlotBytes);
            belt.Start();
            Turn(belt);
            var before = belt.BytesConsumed;
            var start = Stopwatch.GetTimestamp();
            while (belt.BytesConsumed - before < bytes)
            {
                Turn(belt);
            }

            return (belt.BytesConsumed - before) / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        void Turn(SlotBelt belt)
        {
            foreach (var layer in _layers)
            {
                belt.Acquire(layer, CancellationToken.None);
                belt.Release();
            }
        }

        public void Dispose()
        {
            _route.Dispose();
            _device.Dispose();
            _file.Dispose();
        }
    }
}
