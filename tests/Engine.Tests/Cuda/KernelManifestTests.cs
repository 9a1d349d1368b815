using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using NvStream.Tests.Gguf;

namespace NvStream.Tests.Cuda;

public sealed class KernelManifestTests
{
    static readonly string[] Targets = ["sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"];

    [Fact]
    public void The_kernels_in_the_repository_were_built_from_its_sources() =>
        Assert.Empty(KernelManifest.Complaints(Path.Combine(Fixtures.Repository, "Engine", "Compute", "Cuda", "Kernels")));

    [Fact]
    public void A_build_that_agrees_has_no_complaints()
    {
        using var folder = new TemporaryFolder();
        Build(folder.FullName);
        Assert.Empty(KernelManifest.Complaints(folder.FullName));
    }

    [Fact]
    public void A_folder_without_a_manifest_is_told_of()
    {
        using var folder = new TemporaryFolder();
        Build(folder.FullName);
        File.Delete(Path.Combine(folder.FullName, "bin", "manifest.json"));
        Assert.Contains("manifest.json is missing", Assert.Single(KernelManifest.Complaints(folder.FullName)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Add.cu", "source Add.cu is not what")]
    [InlineData("Common.cuh", "source Common.cuh is not what")]
    [InlineData("bin/sm_90/Add.cubin.gz", "output sm_90/Add.cubin.gz is not what")]
    public void A_file_that_changed_after_the_build_is_told_of(string file, string complaint)
    {
        using var folder = new TemporaryFolder();
        Build(folder.FullName);
        File.AppendAllText(Path.Combine(folder.FullName, file), "\n");
        Assert.StartsWith(complaint, Assert.Single(KernelManifest.Complaints(folder.FullName)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Common.cuh", "source Common.cuh is missing")]
    [InlineData("bin/ptx/Add.ptx.gz", "output ptx/Add.ptx.gz is missing")]
    public void A_file_that_went_missing_is_told_of(string file, string complaint)
    {
        using var folder = new TemporaryFolder();
        Build(folder.FullName);
        File.Delete(Path.Combine(folder.FullName, file));
        Assert.Equal(complaint, Assert.Single(KernelManifest.Complaints(folder.FullName)));
    }

    [Theory]
    [InlineData("New.cu", "source New.cu is not in the manifest")]
    [InlineData("New.cuh", "source New.cuh is not in the manifest")]
    [InlineData("bin/sm_80/Old.cubin.gz", "output sm_80/Old.cubin.gz is not in the manifest")]
    public void A_file_that_no_build_knew_is_told_of(string file, string complaint)
    {
        using var folder = new TemporaryFolder();
        Build(folder.FullName);
        File.WriteAllText(Path.Combine(folder.FullName, file), "new");
        Assert.Equal(complaint, Assert.Single(KernelManifest.Complaints(folder.FullName)));
    }

    [Fact]
    public void A_target_that_was_not_built_is_told_of()
    {
        using var folder = new TemporaryFolder();
        Build(folder.FullName, [.. Targets.Where(t => t != "sm_89")]);
        Assert.Equal("output sm_89/Add.cubin.gz was not built", Assert.Single(KernelManifest.Complaints(folder.FullName)));
    }

    [Fact]
    public void Outputs_beyond_the_limit_are_told_of()
    {
        using var folder = new TemporaryFolder();
        Build(folder.FullName);
        Assert.Contains("at most 10 are wanted", Assert.Single(KernelManifest.Complaints(folder.FullName, mostBytes: 10)), StringComparison.Ordinal);
    }

    static void Build(string folder, string[]? targets = null)
    {
        File.WriteAllText(Path.Combine(folder, "Add.cu"), "#include \"Common.cuh\"\n");
        File.WriteAllText(Path.Combine(folder, "Common.cuh"), "// shared\n");
        List<string> outputs = [.. (targets ?? Targets).Select(t => $"{t}/Add.cubin.gz"), "ptx/Add.ptx.gz"];
        foreach (var output in outputs)
        {
            var path = Path.Combine(folder, "bin", output);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, $"kernels for {output}");
        }

        var manifest = new
        {
            compiler = "test",
            flags = "",
            sources = Hashes(folder, ["Add.cu", "Common.cuh"]),
            outputs = Hashes(Path.Combine(folder, "bin"), outputs),
        };
        File.WriteAllText(Path.Combine(folder, "bin", "manifest.json"), JsonSerializer.Serialize(manifest), Encoding.UTF8);
    }

    static Dictionary<string, string> Hashes(string folder, IEnumerable<string> files) =>
        files.ToDictionary(f => f, f => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, f)))));
}
