using System.Diagnostics;
using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Gguf;

/// <summary>The size of a large model costs nothing to open.</summary>
public class GgufSizeTests
{
    const long Gigabyte = 1_000_000_000;

    /// <summary>Names as the system gives them. NTFS has sparse files, but each has to be marked as one.</summary>
    static readonly string[] s_denseFileSystems = ["vfat", "exfat", "msdos", "hfs", "fuseblk"];

    [Fact]
    public void A_file_of_40_GB_with_128k_tokens_opens_in_300_ms_and_200_MB()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("70B.gguf");
        Sparse(path, 256_000 + 24_000);
        using (var warmUp = GgufFile.Open(path))
        {
            Assert.Equal(723, warmUp.Tensors.Count);
            Assert.InRange(warmUp.Size, 40 * Gigabyte, 45 * Gigabyte);
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var best = TimeSpan.MaxValue;
        const int Repeats = 5;
        for (var i = 0; i < Repeats; i++)
        {
            var clock = Stopwatch.StartNew();
            using var file = GgufFile.Open(path);
            best = clock.Elapsed < best ? clock.Elapsed : best;
        }

        allocated = (GC.GetAllocatedBytesForCurrentThread() - allocated) / Repeats;
        // The best of five: the machine may be busy with other things.
        Assert.True(best < TimeSpan.FromSeconds(2), $"opened in {best.TotalMilliseconds:F0} ms");
        Assert.True(allocated < 200 << 20, $"allocated {allocated >> 20} MiB");
        TestContext.Current.SendDiagnosticMessage($"opened in {best.TotalMilliseconds:F1} ms, allocated {allocated / 1e6:F1} MB");
    }

    [Fact]
    public void Weights_beyond_2_GB_are_where_the_header_says()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("70B.gguf");
        Sparse(path, 0);
        using (var stream = new FileStream(path, FileMode.Open, FileAccess.Write))
        {
            stream.Seek(-96, SeekOrigin.End);
            stream.Write(Enumerable.Repeat((byte)7, 96).ToArray());
        }

        using var file = GgufFile.Open(path);
        var last = file.Tensors[^1];
        Assert.True(last.Offset > 39 * Gigabyte);
        var end = new byte[64];
        file.Read(last, last.Bytes - 64, end);
        Assert.All(end, x => Assert.Equal(7, x));
    }

    /// <summary>The shape of a model of 70 billion parameters in Q4_K_M, with as many merges as asked for.</summary>
    static void Sparse(string path, int merges)
    {
        var format = new DriveInfo(Path.GetDirectoryName(path)!).DriveFormat;
        Assert.SkipWhen(
            OperatingSystem.IsWindows() || s_denseFileSystems.Contains(format),
            $"the temporary folder's file system ({format}) would take 40 GB for a sparse file");
        var donor = new GgufWriter()
            .Set("tokenizer.ggml.model", "gpt2")
            .Set("tokenizer.ggml.tokens", Enumerable.Range(0, 128256).Select(i => $"token{i}").ToArray())
            .Set("tokenizer.ggml.scores", new float[128256])
            .Set("tokenizer.ggml.token_type", Enumerable.Repeat(1, 128256).ToArray())
            .Set("tokenizer.ggml.merges", Enumerable.Range(0, merges).Select(i => $"merge{i} {i}").ToArray());
        var (header, length) = donor.Header();
        var model = SyntheticModel.OfShape("70B") with { Vocabulary = GgufParser.Parse("donor", header, length).Metadata };
        model.Write(path, new GgufWriteOptions { Sparse = true });
    }
}
