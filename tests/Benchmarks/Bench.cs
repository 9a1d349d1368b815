using System.Diagnostics;
using System.Runtime.CompilerServices;
using NvStream.Gguf;

namespace NvStream.Benchmarks;

/// <summary>What every measurement is given: how often, on how many threads, and where things lie.</summary>
/// <param name="Repeats">Values behind a median.</param>
/// <param name="Threads">Compute threads of both programs of a comparison.</param>
sealed record Bench(int Repeats, int Threads)
{
    /// <summary>Names the folder of the large models, and that of all models where the sources are not on this machine.</summary>
    const string ModelsVariable = "NVSTREAM_BENCH_MODELS";

    /// <summary>Whether the number of repeats was asked for.</summary>
    public bool HasRepeats { get; init; }

    /// <summary>As asked for; null leaves it to the measurement.</summary>
    public string? Device { get; init; }

    /// <summary>Shape of the model of the `seventy` measurements.</summary>
    public string LargeShape { get; init; } = "70B";

    /// <summary>Bytes of one read; null is what the engine does.</summary>
    public int? BlockSize { get; init; }

    /// <summary>Most tasks of `speculation`.</summary>
    public int Tasks { get; init; } = int.MaxValue;

    /// <summary>Values behind a median where each takes many seconds.</summary>
    public int Few(int number) => HasRepeats ? Repeats : Math.Min(number, Repeats);

    /// <summary>This project's folder, as compiled.</summary>
    public static string Project { get; } = Path.GetDirectoryName(Here())!;

    public static string Repository { get; } = Path.GetFullPath(Path.Combine(Project, "..", ".."));

    /// <summary>Models and packages, made once and kept; ignored by git. A published program keeps them beside itself.</summary>
    public static string Cache { get; } =
        Directory.CreateDirectory(Path.Combine(Directory.Exists(Project) ? Project : AppContext.BaseDirectory, "cache")).FullName;

    /// <summary>Where large models lie.</summary>
    public static string Models { get; } =
        Directory.CreateDirectory(Environment.GetEnvironmentVariable(ModelsVariable) ?? Path.Combine(Cache, "models")).FullName;

    /// <summary>The shape of most measurements.</summary>
    public static SyntheticModel Shape { get; } = SyntheticModel.OfShape("1.1B");

    /// <summary>The 1.1B shape in a type or mix of <see cref="SyntheticModel.Types"/>.</summary>
    public static string Model(string type = "Q4_K_M") => Make($"1.1B-{type}", Shape with { Type = type });

    /// <summary>A shape in Q4_K_M in <see cref="Models"/>: the 8B shape has 4.9 GB, the 70B shape 42.5 GB.</summary>
    public static string LargeModel(string shape = "8B") => MakeIn(Models, $"{shape}-Q4_K_M", SyntheticModel.OfShape(shape));

    /// <summary>A model in the cache, made if it is not there.</summary>
    public static string Make(string name, SyntheticModel model) => MakeIn(Path.Combine(Cache, "models"), name, model);

    /// <summary>A file of another length is one that was not finished, or of another recipe.</summary>
    static string MakeIn(string folder, string name, SyntheticModel model)
    {
        var path = Path.Combine(Directory.CreateDirectory(folder).FullName, name + ".gguf");
        var bytes = model.Describe().Header().Length;
        if (!File.Exists(path) || new FileInfo(path).Length != bytes)
        {
            Section.Log($"making {path} ({bytes / 1e9:F2} GB)");
            var start = Stopwatch.GetTimestamp();
            model.Write(path, new() { Overwrite = true });
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            Section.Log($"made in {seconds:F1} s, {bytes / seconds / 1e9:F2} GB/s");
        }

        return path;
    }

    static string Here([CallerFilePath] string path = "") => path;
}
