using NvStream.Gguf;

namespace NvStream.Tests.Gguf;

/// <summary>Bytes that are made while earlier ones are on their way to the disk.</summary>
public sealed class AheadWriterTests
{
    const int Block = 8 << 20;

    [Theory]
    [InlineData(0)]
    [InlineData(5000)]
    [InlineData(Block)]
    [InlineData(3 * Block + 17)]
    [InlineData(9 * Block)]
    [InlineData(9 * Block + 12345)]
    public void What_is_appended_is_in_the_file(int length)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("m.bin");
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        using (var handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, preallocationSize: length))
        using (var writer = new AheadWriter(handle, path, length))
        {
            // Pieces of odd sizes, and a gap that has to read as zeros.
            for (var done = 0; done < length;)
            {
                var count = Math.Min(1_000_003, length - done);
                if (done == 2_000_006)
                {
                    bytes.AsSpan(done, count).Clear();
                    writer.PadTo(done + count);
                }
                else
                {
                    writer.Append(bytes.AsSpan(done, count));
                }

                done += count;
            }

            writer.Finish();
        }

        Assert.True(File.ReadAllBytes(path).AsSpan().SequenceEqual(bytes));
    }

    [Fact]
    public void Until_it_is_finished_the_file_is_seen_to_be_cut_short()
    {
        const long length = 10L * Block;
        using var folder = new TemporaryFolder();
        var path = folder.File("m.bin");
        using var handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, preallocationSize: length);
        using (var writer = new AheadWriter(handle, path, length))
        {
            writer.PadTo(length);
        }

        Assert.InRange(new FileInfo(path).Length, 0, length - 1);
    }

    [Fact]
    public void A_block_that_cannot_be_written_ends_the_writing()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("m.bin", [1]);
        using var handle = File.OpenHandle(path);
        using var writer = new AheadWriter(handle, folder.File("absent"), long.MaxValue);
        Assert.Throws<IOException>(() =>
        {
            writer.PadTo(20L * Block);
            writer.Finish();
        });
    }
}
