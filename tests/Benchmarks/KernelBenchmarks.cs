using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Parameters;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using NvStream.Benchmarks.Cpu;
using NvStream.Gguf;

namespace NvStream.Benchmarks;

/// <summary>
/// The kernels one by one, run by BenchmarkDotNet inside this process; times become bytes and products per second, beside
/// what memory and arithmetic of the machine do alone in the same run.
/// </summary>
static class KernelBenchmarks
{
    static readonly Type[] s_cases = [typeof(Multiply), typeof(Encode), typeof(Attend), typeof(Norm), typeof(Rotate), typeof(Gate)];

    /// <summary>The cases are made by BenchmarkDotNet, which hands them nothing.</summary>
    public static int Threads { get; private set; } = Environment.ProcessorCount;

    public static Section Measure(Bench bench)
    {
        Threads = bench.Threads;
        var section = new Section("kernels", "kernels of the CPU device, beside what the machine's memory and arithmetic do alone");
        section.Notes.Add($"{Threads} threads; medians of {bench.Repeats}; bytes: of weights, of keys and values, or read and written");
        section.Notes.Add("the peak is the one the kernel comes nearer to; what stays in a cache (norm, rope, SwiGLU) can pass the read loop,");
        section.Notes.Add("  which reads 1 GiB; Q and IQ types multiply bytes, all else floats");
        var job = Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithEvaluateOverhead(false)
            .WithWarmupCount(1).WithIterationCount(bench.Repeats).WithIterationTime(Perfolizer.Horology.TimeInterval.FromMilliseconds(100));
        var config = ManualConfig.CreateEmpty()
            .AddJob(job).AddLogger(NullLogger.Instance)
            .AddColumnProvider(BenchmarkDotNet.Columns.DefaultColumnProviders.Instance)
            .WithArtifactsPath(Path.Combine(Bench.Cache, "kernels"))
            .WithOptions(ConfigOptions.DisableLogFile | ConfigOptions.DisableOptimizationsValidator);

        using var loop = new ReadLoop(Threads);
        var peaks = new Peaks(loop, Threads);
        var measured = new List<(KernelWork Work, Sample Time)>();
        foreach (var type in s_cases)
        {
            for (var i = 0; i < bench.Repeats; i++)
            {
                peaks.Measure();
            }

            var summary = BenchmarkRunner.Run(type, config);
            section.Skipped.AddRange(summary.ValidationErrors.Where(e => e.IsCritical).Select(e => e.Message));
            foreach (var report in summary.Reports)
            {
                Add(section, measured, report);
            }
        }

        peaks.AddTo(section);
        var table = section.AddTable(textColumns: 1, "kernel", "rows", "time, us", "GB/s", "G multiply-adds/s", "% of peak", "nearer peak");
        foreach (var (work, time) in measured.GroupBy(m => m.Work.Name).SelectMany(kernel => kernel))
        {
            var (bytes, products) = (work.Bytes / time.Median / 1e3, work.Products / time.Median / 1e3);
            var arithmetic = work.OfBytes ? peaks.ByteProducts : peaks.FloatProducts;
            var (ofRead, ofArithmetic) = (bytes / peaks.Read, products / arithmetic ?? 0);
            var peak = ofRead >= ofArithmetic ? "read loop" : work.OfBytes ? "byte products" : "float products";
            table.Add(
                work.Name, $"{work.Rows}", Table.Number(time.Median), Table.Number(bytes), Table.Number(products),
                Table.Number(100 * Math.Max(ofRead, ofArithmetic)), peak);
        }

        return section;
    }

    static void Add(Section section, List<(KernelWork Work, Sample Time)> measured, BenchmarkReport report)
    {
        var parameters = report.BenchmarkCase.Parameters;
        var type = report.BenchmarkCase.Descriptor.Type;
        if (type == typeof(Attend) && (int)parameters[nameof(Attend.Rows)] > (int)parameters[nameof(Attend.Tokens)])
        {
            return;
        }

        if (report.ResultStatistics is not { } statistics)
        {
            section.Skipped.Add($"{report.BenchmarkCase.DisplayInfo} failed");
            return;
        }

        var work = Work(type, parameters);
        measured.Add((work, section.Add($"{work.Name}, {work.Rows} rows", "us", statistics.OriginalValues.Select(ns => ns / 1e3))));
    }

    static KernelWork Work(Type type, ParameterInstances parameters)
    {
        var rows = (int)parameters[nameof(Multiply.Rows)];
        return type.Name switch
        {
            nameof(Multiply) => Multiply.Work((TensorType)parameters[nameof(Multiply.Type)], rows),
            nameof(Encode) => Encode.Work((TensorType)parameters[nameof(Encode.Type)], rows),
            nameof(Attend) => Attend.Work(rows, (int)parameters[nameof(Attend.Tokens)]),
            nameof(Norm) => Norm.Work(rows),
            nameof(Rotate) => Rotate.Work(rows),
            _ => Gate.Work(rows),
        };
    }
}
