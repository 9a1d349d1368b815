using System.Globalization;
using NvStream.Gguf;
using NvStream.Storage;

namespace NvStream.Benchmarks;

/// <summary>One thing that can be measured.</summary>
/// <param name="Name">As on the command line.</param>
sealed record Measurement(string Name, string Summary, Func<Bench, Task<Section>> Measure);

/// <summary>The command line.</summary>
sealed record Options(IReadOnlyList<Measurement> Measurements, Bench Bench, string? JsonPath)
{
    const string All = "all";
    const int DefaultRepeats = 5;

    static readonly Measurement[] s_known =
    [
        new("streaming", "the belt against fio, streamed passes against resident ones", Streaming.Measure),
        new("paths", "direct reads into a device's memory against fio, and their processor time", b => Task.FromResult(Paths.Measure(b))),
        new("prediction", "the rate predicted for a streamed model of 4.6 GB against the rate measured", b => Predictions.Measure(b, "Cpu", RouteKind.HostDirect)),
        new("memory", "peak resident set under a budget", Memory.Measure),
        new("cpu", "decode and prefill rates of four types against llama.cpp, and against what memory gives", Cpu.CpuInference.Measure),
        new("operations", "where the time of a pass goes", b => Task.FromResult(Operations.Measure(b))),
        new("kernels", "bytes and multiply-adds per second of each kernel, beside the machine's", b => Task.FromResult(KernelBenchmarks.Measure(b))),
        new("cuda-kernels", "products on a GPU against the rate of a plain read", Cuda.CudaKernels.Measure),
        new("cuda-decode", "decode and prefill rates on a GPU against llama.cpp", Cuda.CudaDecode.Measure),
        new("cuda-streaming", "streaming from pinned host memory against plain copies", Cuda.CudaStreaming.Measure),
        new("cuda-paths", "from a file into a GPU's memory against plain direct reads and a C program", b => Task.FromResult(Cuda.CudaPaths.Measure(b))),
        new("cuda-prediction", "the same with a GPU", b => Predictions.Measure(b, "Cuda", RouteKind.HostStaged)),
        new("seventy-a", "70B under 24 GB, the rest in host memory: rates against what the link allows", Seventy.HostMemory.Measure),
        new("seventy-b", "70B under 24 GB, 8 GB of host memory, the rest from storage", Seventy.HostAndStorage.Measure),
        new("seventy-c", "70B under 24 GB, all the rest from storage, by two routes", Seventy.StorageOnly.Measure),
        new("speculation", "the 200 log tasks with nobody, the text so far and a small model proposing tokens", SpeculationTasks.Measure),
        new("startup", "a published program from its start to the first text", Startup.Measure),
        new("import", "time of Import-Module in a fresh shell", Import.Measure),
    ];

    public static string Usage { get; } = $"""
        usage: dotnet run -c Release --project tests/Benchmarks -- [WHAT...] [options]

        {string.Join(Environment.NewLine, s_known.Select(m => $"  {m.Name,-16}{m.Summary}"))}
          {All,-16}everything, one report; the default

          --repeats N     values behind each median (default {DefaultRepeats})
          --threads N     compute threads of both programs of a comparison (default: cores)
          --device NAME   of the seventy sections (default Cuda) and of speculation (default Auto)
          --shape NAME    of the seventy sections' model (default 70B); budgets shrink with it
          --block MIB     bytes of one read of the models that stream (default: the engine's)
          --tasks N       of the 200 log tasks
          --json FILE     writes the report as JSON too
        """;

    /// <summary>Null, with what is wrong, where the command line is not understood.</summary>
    public static Options? Parse(string[] arguments, out string problem)
    {
        var chosen = new List<Measurement>();
        var bench = new Bench(DefaultRepeats, Environment.ProcessorCount);
        string? json = null;
        problem = "";
        for (var i = 0; i < arguments.Length; i++)
        {
            var argument = arguments[i];
            var value = i + 1 < arguments.Length ? arguments[i + 1] : "";
            var number = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n > 0 ? n : 0;
            switch (argument)
            {
                case All:
                    chosen.AddRange(s_known);
                    break;
                case "--repeats" when number > 0:
                    bench = bench with { Repeats = number, HasRepeats = true };
                    i++;
                    break;
                case "--threads" when number > 0:
                    bench = bench with { Threads = number };
                    i++;
                    break;
                case "--device" when value.Length > 0:
                    bench = bench with { Device = value };
                    i++;
                    break;
                case "--shape" when SyntheticModel.Shapes.Contains(value):
                    bench = bench with { LargeShape = value };
                    i++;
                    break;
                case "--block" when number is > 0 and < 1024:
                    bench = bench with { BlockSize = number << 20 };
                    i++;
                    break;
                case "--tasks" when number > 0:
                    bench = bench with { Tasks = number };
                    i++;
                    break;
                case "--json" when value.Length > 0:
                    json = value;
                    i++;
                    break;
                default:
                    if (Array.Find(s_known, m => m.Name == argument) is not { } measurement)
                    {
                        problem = $"'{argument}' is not understood";
                        return null;
                    }

                    chosen.Add(measurement);
                    break;
            }
        }

        return new(chosen.Count == 0 ? s_known : [.. chosen.Distinct()], bench, json);
    }
}
