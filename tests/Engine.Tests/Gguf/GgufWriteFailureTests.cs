using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Gguf;

/// <summary>A model that cannot be finished leaves nothing behind.</summary>
public class GgufWriteFailureTests
{
    static readonly GgufWriter s_writer = new GgufWriter()
        .AddTensor("a", TensorType.F32, 256).AddTensor("b", TensorType.F32, 256).AddTensor("c", TensorType.F32, 256);

    static ReadOnlySpan<byte> Zeros(GgufTensor tensor, long offset) => new byte[tensor.Bytes - offset];

    [Fact]
    public void An_existing_file_is_left_alone_unless_overwriting()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("m.gguf", [1, 2, 3]);

        var error = Assert.Throws<GgufException>(() => s_writer.Write(path, Zeros));
        Assert.Equal("GgufWriteFailed", error.ErrorId);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));

        s_writer.Write(path, Zeros, new GgufWriteOptions { Overwrite = true });
        using var file = GgufFile.Open(path);
        Assert.Equal(3, file.Tensors.Count);
    }

    [Fact]
    public void An_existing_file_of_a_set_stops_the_set_and_stays()
    {
        using var folder = new TemporaryFolder();
        folder.File("m-00002-of-00003.gguf", [1, 2, 3]);
        Assert.Throws<GgufException>(() => s_writer.Write(folder.File("m.gguf"), Zeros, new GgufWriteOptions { Files = 3 }));
        Assert.Equal(["m-00002-of-00003.gguf"], folder.Names);
    }

    [Fact]
    public void A_folder_that_is_not_there_is_an_error_that_names_the_file()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("absent/m.gguf");
        var error = Assert.Throws<GgufException>(() => s_writer.Write(path, Zeros));
        Assert.Equal("GgufWriteFailed", error.ErrorId);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_failure_on_the_way_removes_every_file(int files)
    {
        using var folder = new TemporaryFolder();
        var error = Assert.Throws<GgufException>(() => s_writer.Write(
            folder.File("m.gguf"),
            (tensor, offset) => tensor.Name == "c" ? throw new IOException("No space left on device") : Zeros(tensor, offset),
            new GgufWriteOptions { Files = files }));
        Assert.Equal("GgufWriteFailed", error.ErrorId);
        Assert.Contains("No space left", error.Message, StringComparison.Ordinal);
        Assert.Empty(folder.Names);
    }

    [Fact]
    public void Cancelling_removes_the_file()
    {
        using var folder = new TemporaryFolder();
        using var cancellation = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => s_writer.Write(
            folder.File("m.gguf"),
            (tensor, offset) =>
            {
                cancellation.Cancel();
                return Zeros(tensor, offset);
            },
            new GgufWriteOptions { CancellationToken = cancellation.Token }));
        Assert.Empty(folder.Names);
    }

    [Fact]
    public void Data_of_the_wrong_length_is_the_callers_mistake()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<InvalidOperationException>(() => s_writer.Write(folder.File("m.gguf"), (_, _) => new byte[2000]));
        Assert.Throws<InvalidOperationException>(() => s_writer.Write(folder.File("m.gguf"), (_, _) => default));
        Assert.Throws<ArgumentNullException>(() => s_writer.Write(folder.File("m.gguf"), null));
        Assert.Empty(folder.Names);
    }

    [Fact]
    public void A_full_disk_is_noticed_before_writing_and_leaves_nothing()
    {
        // A file system in memory refuses at once what is more than all of it; a disk would first fill up.
        const string Memory = "/dev/shm";
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Directory.Exists(Memory) && new DriveInfo(Memory).DriveFormat == "tmpfs",
            $"no tmpfs at {Memory}");
        var folder = Directory.CreateDirectory(Path.Combine(Memory, $"gguf-{Guid.NewGuid():N}"));
        try
        {
            var rows = new DriveInfo(Memory).TotalSize / (1 << 20) + 1024;
            var writer = new GgufWriter().AddTensor("t", TensorType.F32, 1 << 18, rows);
            var path = Path.Combine(folder.FullName, "m.gguf");
            var error = Assert.Throws<GgufException>(() => writer.Write(path, (_, _) => throw new NotSupportedException()));
            Assert.Equal("GgufWriteFailed", error.ErrorId);
            Assert.Contains(path, error.Message, StringComparison.Ordinal);
            Assert.Contains("full", error.Message, StringComparison.Ordinal);
            Assert.Empty(folder.EnumerateFileSystemInfos());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void Progress_counts_every_byte_of_the_weights()
    {
        using var folder = new TemporaryFolder();
        var progress = new Recorder();
        s_writer.Write(folder.File("m.gguf"), Zeros, new GgufWriteOptions { Files = 2, Progress = progress });
        Assert.Equal([1024L, 2048L, 3072L], progress.Values);
    }

    sealed class Recorder : IProgress<long>
    {
        public List<long> Values { get; } = [];

        public void Report(long value) => Values.Add(value);
    }
}
