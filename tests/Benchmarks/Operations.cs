using System.Diagnostics;
using NvStream.Compute.Cpu;

namespace NvStream.Benchmarks;

/// <summary>Where a pass's time goes, operation by operation.</summary>
static class Operations
{
    const int Passes = 8;

    /// <summary>Operations that take less of the pass than this are not worth a line.</summary>
    const double LeastShare = 0.002;

    public static Section Measure(Bench bench)
    {
        var section = new Section("operations", "where the time of a resident 1.1B-shaped Q4_K_M pass goes");
        using var device = new TimingDevice(new CpuDevice(bench.Threads));
        using var harness = new PassHarness(Bench.Model(), device, sequences: 8);
        section.Notes.Add($"{bench.Threads} threads; percentages of the pass; GB/s of weights where there are any");
        foreach (var (name, sequences, rows, position, passes) in new[]
        {
            ("1 row", 1, 1, 128, Passes),
            ("8 sequences", 8, 1, 128, Passes),
            ("128 rows", 1, 128, 0, 2),
        })
        {
            Measure(section, name, device, passes, bench.Repeats, () => harness.Run(sequences, rows, position));
        }

        return section;
    }

    static void Measure(Section section, string name, TimingDevice device, int passes, int repeats, Action pass)
    {
        pass();
        var totals = new double[repeats];
        var shares = new Dictionary<string, (double[] Milliseconds, long Bytes)>();
        for (var i = 0; i < repeats; i++)
        {
            device.Clear();
            var start = Stopwatch.GetTimestamp();
            for (var p = 0; p < passes; p++)
            {
                pass();
            }

            totals[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds / passes;
            foreach (var (operation, time, _, bytes) in device.Spent)
            {
                var (milliseconds, _) = shares.GetValueOrDefault(operation, (new double[repeats], 0));
                milliseconds[i] = time.TotalMilliseconds / passes;
                shares[operation] = (milliseconds, bytes / passes);
            }
        }

        var whole = section.Add($"{name}: whole pass", "ms", totals).Median;
        foreach (var (operation, (milliseconds, bytes)) in shares.OrderByDescending(s => s.Value.Milliseconds.Sum()))
        {
            var sample = new Sample($"  {operation}", "ms", milliseconds);
            var share = sample.Median / whole;
            if (share < LeastShare)
            {
                continue;
            }

            var rate = bytes > 0 ? $", {bytes / sample.Median / 1e6:F1} GB/s" : "";
            section.Samples.Add(sample with { Name = $"{sample.Name} ({share:P1}{rate})" });
        }
    }
}
