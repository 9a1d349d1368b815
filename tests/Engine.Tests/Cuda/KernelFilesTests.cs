using NvStream.Compute.Cuda;
using NvStream.Tests.Gguf;

namespace NvStream.Tests.Cuda;

public sealed class KernelFilesTests
{
    [Theory]
    [InlineData(80, "sm_80")]
    [InlineData(86, "sm_86")]
    [InlineData(87, "sm_86")]
    [InlineData(89, "sm_89")]
    [InlineData(90, "sm_90")]
    [InlineData(100, "sm_100")]
    [InlineData(103, "sm_100")]
    [InlineData(120, "sm_120")]
    [InlineData(121, "sm_120")]
    [InlineData(110, "ptx")]
    [InlineData(150, "ptx")]
    public void A_card_runs_its_own_kernels_or_the_closest_older_ones_of_its_major_number_or_PTX(int architecture, string target)
    {
        using var folder = new TemporaryFolder();
        Add(folder.FullName, "Add", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120", "ptx");
        var files = new KernelFiles(folder.FullName);
        Assert.Equal(target, files.TargetsFor(architecture)[0]);
        Assert.Equal(target, Path.GetFileName(Path.GetDirectoryName(files.FilesFor("Add", architecture)[0])));
    }

    [Fact]
    public void Older_kernels_and_PTX_are_there_to_fall_back_on_in_order()
    {
        using var folder = new TemporaryFolder();
        Add(folder.FullName, "Add", "sm_80", "sm_86", "sm_89", "sm_90", "ptx");
        Assert.Equal(["sm_89", "sm_86", "sm_80", "ptx"], new KernelFiles(folder.FullName).TargetsFor(89));
    }

    [Fact]
    public void A_module_that_the_best_target_lacks_comes_from_the_next()
    {
        using var folder = new TemporaryFolder();
        Add(folder.FullName, "Add", "sm_80", "sm_89", "ptx");
        Add(folder.FullName, "Rope", "sm_80", "ptx");
        Assert.Equal(
            [Path.Combine(folder.FullName, "sm_80", "Rope.cubin.gz"), Path.Combine(folder.FullName, "ptx", "Rope.ptx.gz")],
            new KernelFiles(folder.FullName).FilesFor("Rope", 89));
    }

    [Theory]
    [InlineData(75)]
    [InlineData(61)]
    public void A_card_older_than_the_kernels_has_none(int architecture)
    {
        using var folder = new TemporaryFolder();
        Add(folder.FullName, "Add", "sm_80", "ptx");
        Assert.Empty(new KernelFiles(folder.FullName).TargetsFor(architecture));
    }

    [Fact]
    public void Where_nothing_was_built_there_is_no_target()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(Path.Combine(folder.FullName, "sm_90"));
        Directory.CreateDirectory(Path.Combine(folder.FullName, "ptx"));
        Directory.CreateDirectory(Path.Combine(folder.FullName, "sm_none"));
        Assert.Empty(new KernelFiles(folder.FullName).TargetsFor(90));
        Assert.Empty(new KernelFiles(Path.Combine(folder.FullName, "absent")).TargetsFor(90));
        Assert.Empty(new KernelFiles(folder.FullName).FilesFor("Add", 90));
    }

    [Fact]
    public void Kernels_of_the_repository_lie_beside_the_engine()
    {
        var built = Path.Combine(Fixtures.Repository, "Engine", "Compute", "Cuda", "Kernels", "bin");
        Assert.SkipUnless(Directory.Exists(built), "no kernels were built");
        var copied = KernelFiles.BesideEngine().Folder;
        Assert.All(
            Directory.EnumerateFiles(built, "*", SearchOption.AllDirectories),
            file => Assert.True(File.Exists(Path.Combine(copied, Path.GetRelativePath(built, file))), file));
    }

    static void Add(string folder, string module, params string[] targets)
    {
        foreach (var target in targets)
        {
            Directory.CreateDirectory(Path.Combine(folder, target));
            File.WriteAllText(Path.Combine(folder, target, module + (target == "ptx" ? ".ptx.gz" : ".cubin.gz")), "");
        }
    }
}
