using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using NvStream.Gguf;

namespace NvStream.Benchmarks;

/// <summary>The kernels one by one, run by BenchmarkDotNet inside this process; times become bytes and products per second.</summary>
static class KernelBenchmarks
{
    /// <summary>The cases are made by BenchmarkDotNet, which hands them nothing.</summary>
    public static int Threads { get; private set; } = Environment.ProcessorCount;

    public static Section Measure(Bench bench)
    {
        Threads = bench.Threads;
        var section = new Section("kernels", "kernels of the CPU device");
        section.Notes.Add($"{Threads} threads; GB/s of weights (or of keys and values, or read and written), G/s of multiply-adds");
        var job = Job.Default.WithToolchain(InProcessEmitToolchain.Instance)
            .WithWarmupCount(1).WithIterationCount(bench.Repeats).WithIterationTime(Perfolizer.Horology.TimeInterval.FromMilliseconds(200));
        var config = ManualConfig.CreateEmpty()
            .AddJob(job).AddLogger(NullLogger.Instance)
            .AddColumnProvider(BenchmarkDotNet.Columns.DefaultColumnProviders.Instance)
            .WithArtifactsPath(Path.Combine(Bench.Cache, "kernels"))
            .WithOptions(ConfigOptions.DisableLogFile | ConfigOptions.DisableOptimizationsValidator);

        foreach (var summary in new[] { typeof(Multiply), typeof(Attend), typeof(Norm) }.Select(type => BenchmarkRunner.Run(type, config)))
        {
            foreach (var report in summary.Reports)
            {
                Add(section, report);
            }

            section.Skipped.AddRange(summary.ValidationErrors.Where(e => e.IsCritical).Select(e => e.Message));
        }

        return section;
    }

    static void Add(Section section, BenchmarkReport report)
    {
        if (report.ResultStatistics is not { } statistics)
        {
            section.Skipped.Add($"{report.BenchmarkCase.DisplayInfo} failed");
            return;
        }

        var nanoseconds = statistics.OriginalValues;
        var parameters = report.BenchmarkCase.Parameters;
        var rows = (int)parameters[nameof(Multiply.Rows)];
        var of = rows == 1 ? "1 row" : $"{rows} rows";
        switch (report.BenchmarkCase.Descriptor.Type.Name)
        {
            case nameof(Multiply):
                var type = (TensorType)parameters[nameof(Multiply.Type)];
                Rate($"MatMul {type}, {of}", rows == 1 ? Multiply.Bytes(type) : Multiply.Products(rows), isBytes: rows == 1);
                break;
            case nameof(Attend):
                var tokens = (int)parameters[nameof(Attend.Tokens)];
                if (rows <= tokens)
                {
                    Rate($"Attention, {of} after {tokens} tokens", rows == 1 ? Attend.Bytes(tokens) : Attend.Products(rows, tokens), isBytes: rows == 1);
                }

                break;
            default:
                Rate($"RmsNorm, {of}", Norm.Bytes(rows), isBytes: true);
                break;
        }

        void Rate(string name, long amount, bool isBytes) =>
            section.Add(name, isBytes ? "GB/s" : "G/s", nanoseconds.Select(ns => amount / ns));
    }
}
