using System.Runtime.CompilerServices;
using Xunit;

namespace NvStream.Tests;

/// <summary>Where test data lies: in the repository, or in the shared fixtures beside it, which a clone may lack.</summary>
static class Fixtures
{
    public static string Repository { get; } = FindRepository();

    static string SharedFolder { get; } = Path.GetFullPath(Path.Combine(Repository, "..", "shared", "fixtures"));

    /// <summary>The path of a shared fixture; skips the running test, saying so, where the folder is absent.</summary>
    public static string Shared(string relative)
    {
        Assert.SkipUnless(Directory.Exists(SharedFolder), $"the shared fixtures are not present at {SharedFolder}");
        return Path.Combine(SharedFolder, relative);
    }

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
