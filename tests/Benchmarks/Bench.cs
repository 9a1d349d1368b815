using System.Runtime.CompilerServices;
using NvStream.Gguf;

namespace NvStream.Benchmarks;

/// <summary>What every measurement is given: how often, on how many threads, and where things lie.</summary>
/// <param name="Repeats">Values behind a median.</param>
/// <param name="Threads">Compute threads of both programs of a comparison.</param>
sealed record Bench(int Repeats, int Threads)
{
    /// <summary>This project's folder, as compiled.</summary>
    public static string Project { get; } = Path.GetDirectoryName(Here())!;

    public static string Repository { get; } = Path.GetFullPath(Path.Combine(Project, "..", ".."));

    /// <summary>Models and packages, made once and kept; ignored by git.</summary>
    public static string Cache { get; } = Directory.CreateDirectory(Path.Combine(Project, "cache")).FullName;

    /// <summary>The shape of most measurements.</summary>
    public static SyntheticModel Shape { get; } = SyntheticModel.OfShape("1.1B");

    /// <summary>The 1.1B shape in a type or mix of <see cref="SyntheticModel.Types"/>.</summary>
    public static string Model(string type = "Q4_K_M") => Make($"1.1B-{type}", Shape with { Type = type });

    /// <summary>The 8B shape in Q4_K_M, 4.9 GB; NVSTREAM_BENCH_MODELS names another folder for it than the cache.</summary>
    public static string LargeModel()
    {
        const string name = "8B-Q4_K_M";
        if (Environment.GetEnvironmentVariable("NVSTREAM_BENCH_MODELS") is not { } folder)
        {
            return Make(name, SyntheticModel.OfShape("8B"));
        }

        var path = Path.Combine(folder, name + ".gguf");
        if (!File.Exists(path))
        {
            SyntheticModel.OfShape("8B").Write(path);
        }

        return path;
    }

    /// <summary>A model in the cache, made if it is not there.</summary>
    public static string Make(string name, SyntheticModel model)
    {
        var path = Path.Combine(Directory.CreateDirectory(Path.Combine(Cache, "models")).FullName, name + ".gguf");
        if (!File.Exists(path))
        {
            Console.Error.WriteLine($"making {path} ({model.Describe().TensorBytes / 1e9:F2} GB)");
            model.Write(path);
        }

        return path;
    }

    static string Here([CallerFilePath] string path = "") => path;
}
