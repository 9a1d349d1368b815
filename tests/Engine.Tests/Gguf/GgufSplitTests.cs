using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Gguf;

public class GgufSplitTests
{
    const int Files = 3;

    static readonly GgufWriteOptions s_options = new() { Files = Files };

    /// <summary>A set of three files with seven tensors whose bytes are all their number.</summary>
    static IReadOnlyList<string> Make(TemporaryFolder folder, string name = "m.gguf", int alignment = 32)
    {
        var writer = new GgufWriter(alignment).Set("general.architecture", "llama").Set("n", 7);
        for (var i = 0; i < 7; i++)
        {
            writer.AddTensor($"t{i}", TensorType.F32, 16, i + 1);
        }

        return writer.Write(
            folder.File(name), (tensor, _) => Enumerable.Repeat((byte)tensor.Name[1], (int)tensor.Bytes).ToArray(), s_options);
    }

    static GgufException Refused(string errorId, string path)
    {
        var error = Assert.Throws<GgufException>(() => GgufFile.Open(path));
        Assert.Equal(errorId, error.ErrorId);
        return error;
    }

    [Theory]
    [InlineData(32)]
    [InlineData(4096)]
    public void The_first_file_opens_the_set(int alignment)
    {
        using var folder = new TemporaryFolder();
        var paths = Make(folder, alignment: alignment);
        Assert.Equal(["m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"], folder.Names);

        using var file = GgufFile.Open(paths[0]);
        Assert.Equal(paths, file.Shards.Select(shard => shard.Path));
        Assert.Equal(paths[0], file.Path);
        Assert.Equal(paths.Sum(path => new FileInfo(path).Length), file.Size);
        Assert.Equal(7, file.Metadata.GetInt32("n"));
        Assert.Equal(["t0", "t1", "t2", "t3", "t4", "t5", "t6"], file.Tensors.Select(tensor => tensor.Name));
        Assert.Equal([0, 1, 2], file.Tensors.Select(tensor => tensor.Shard).Distinct());
        foreach (var tensor in file.Tensors)
        {
            var bytes = new byte[tensor.Bytes];
            file.Read(tensor, 0, bytes);
            Assert.All(bytes, x => Assert.Equal((byte)tensor.Name[1], x));
            Assert.Equal(0, tensor.Offset % alignment);
        }
    }

    [Fact]
    public void Another_file_of_the_set_names_the_first()
    {
        using var folder = new TemporaryFolder();
        var paths = Make(folder);
        var error = Refused("GgufInvalid", paths[1]);
        Assert.Contains("file 2 of a split set of 3", error.Message, StringComparison.Ordinal);
        Assert.Contains(paths[0], error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        using var folder = new TemporaryFolder();
        var paths = Make(folder);
        File.Delete(paths[2]);
        Assert.Contains(paths[2], Refused("GgufNotFound", paths[0]).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_truncated_sibling_is_named()
    {
        using var folder = new TemporaryFolder();
        var paths = Make(folder);
        File.WriteAllBytes(paths[1], File.ReadAllBytes(paths[1])[..^200]);
        Assert.Contains(paths[1], Refused("GgufTruncated", paths[0]).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_renamed_first_file_says_what_its_name_should_be()
    {
        using var folder = new TemporaryFolder();
        var paths = Make(folder);
        File.Move(paths[0], folder.File("renamed.gguf"));
        Assert.Contains(
            "'-00001-of-00003.gguf'", Refused("GgufInvalid", folder.File("renamed.gguf")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_of_different_sets_do_not_go_together()
    {
        using var folder = new TemporaryFolder();
        var paths = Make(folder);
        File.Copy(paths[2], paths[1], overwrite: true);
        Assert.Contains("split.no is 2", Refused("GgufInvalid", paths[0]).Message, StringComparison.Ordinal);

        File.WriteAllBytes(paths[1], new RawGguf(0, 0).Bytes());
        Assert.Contains("split.no is -1", Refused("GgufInvalid", paths[0]).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tensors_must_be_as_many_as_stated_and_in_one_file_each()
    {
        using var folder = new TemporaryFolder();
        var first = Shard(folder, 1, 2, tensorCount: 3, "a");
        Shard(folder, 2, 2, tensorCount: 3, "b");
        Assert.Contains("holds 2 tensors", Refused("GgufInvalid", first).Message, StringComparison.Ordinal);

        first = Shard(folder, 1, 2, tensorCount: 2, "a");
        var second = Shard(folder, 2, 2, tensorCount: 2, "a");
        var error = Refused("GgufInvalid", first);
        Assert.Contains(second, error.Message, StringComparison.Ordinal);
        Assert.Contains("tensor 'a' is also in", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Impossible_split_numbers_are_invalid()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("split.no is 5", Refused("GgufInvalid", Shard(folder, 6, 2, 1, "a")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_split_count_of_one_is_a_single_file()
    {
        using var folder = new TemporaryFolder();
        using var file = GgufFile.Open(Shard(folder, 1, 1, 1, "a"));
        Assert.Single(file.Shards);
    }

    [Fact]
    public void A_set_cannot_have_more_files_than_tensors()
    {
        using var folder = new TemporaryFolder();
        var writer = new GgufWriter().AddTensor("a", TensorType.F32, 8);
        Assert.Throws<ArgumentException>(() => writer.Write(
            folder.File("m.gguf"), null, new GgufWriteOptions { Sparse = true, Files = 2 }));
        Assert.Empty(folder.Names);
    }

    static string Shard(TemporaryFolder folder, int number, int count, int tensorCount, string tensor)
    {
        var bytes = new RawGguf(1, 3)
            .Key("split.no", GgufValueType.UInt16).Raw([(byte)(number - 1), 0])
            .Key("split.count", GgufValueType.UInt16).Raw([(byte)count, 0])
            .Key("split.tensors.count", (uint)tensorCount)
            .Tensor(tensor, (uint)TensorType.F32, 0, 8).Data(32).Bytes();
        return folder.File($"s-{number:D5}-of-{count:D5}.gguf", bytes);
    }
}
