using System.Runtime.CompilerServices;
using NvStream.Inference;
using NvStream.Streaming;

namespace NvStream.Tests;

/// <summary>Where test data lies: in the repository, or in the shared fixtures beside it, which a clone may lack.</summary>
static class Fixtures
{
    public static string Repository { get; } = FindRepository();

    public static string DemoModel { get; } = Path.Combine(Repository, "examples", "models", "logtriage-q4_k_m.gguf");

    static string SharedFolder { get; } = Path.GetFullPath(Path.Combine(Repository, "..", "shared", "fixtures"));

    /// <summary>The path of a shared fixture; skips the running test, saying so, where the folder is absent.</summary>
    public static string Shared(string relative)
    {
        Assert.SkipUnless(Directory.Exists(SharedFolder), $"the shared fixtures are not present at {SharedFolder}");
        return Path.Combine(SharedFolder, relative);
    }

    /// <summary>The smallest device budget that a model runs in: everything that can stream does.</summary>
    public static long LeastBudget(string path, int contextLength) => Assert.Throws<BudgetException>(
        () => StreamModel.PlanOnly(path, new() { DeviceBudget = MemoryBudget.FromBytes(0), ContextLength = contextLength })).LeastBytes;

    static string FindRepository([CallerFilePath] string source = "")
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "NvStream.sln")))
            {
                return folder;
            }
        }

        return Path.GetDirectoryName(Path.GetDirectoryName(Path.GetDirectoryName(source)))!;
    }
}
