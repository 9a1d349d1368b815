using System.Diagnostics;
using System.IO.Compression;
using NvStream.Compute;
using NvStream.Measurement;
using NvStream.Storage;
using NvStream.Tests.Gguf;

namespace NvStream.Tests.Measurement;

[Collection(SerialCollection.Name)]
public sealed class ScratchFileTests : IDisposable
{
    const long Bytes = (9 << 20) + 4096;

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Handles of scratch files that this process still has.</summary>
    public static string[] OpenHandles() => !OperatingSystem.IsLinux() ? [] :
        [.. Directory.EnumerateFiles("/proc/self/fd").Select(f => new FileInfo(f).LinkTarget ?? "").Where(t => t.Contains(".scratch", StringComparison.Ordinal))];

    [Fact]
    public void It_holds_its_pattern_and_has_no_name()
    {
        var written = new List<long>();
        using (var file = ScratchFile.Create(_folder.FullName, Bytes, written.Add, Token))
        {
            Assert.Equal(Bytes, RandomAccess.GetLength(file.Stored.Handle));
            Assert.Equal(Bytes, written[^1]);
            Assert.Equal(written.Order(), written);
            if (OperatingSystem.IsLinux())
            {
                Assert.Empty(_folder.Names);
                Assert.NotEmpty(OpenHandles());
            }

            var found = new byte[Bytes];
            var expected = new byte[Bytes];
            Assert.Equal(Bytes, RandomAccess.Read(file.Stored.Handle, found, 0));
            file.Pattern.Fill(expected, 0);
            Assert.True(found.AsSpan().SequenceEqual(expected));
            Assert.Equal(MemoryChecksum.Of(expected), FileContent.Of(file.Pattern).ChecksumOf(0, Bytes));
        }

        Assert.Empty(_folder.Names);
        Assert.Empty(OpenHandles());
    }

    [Fact]
    public void It_keeps_its_name_for_those_who_need_it_until_it_is_disposed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere it always has one.");
        using (var file = ScratchFile.Create(_folder.FullName, Bytes, _ => { }, Token, keepsName: true))
        {
            Assert.Equal(Bytes, new FileInfo(file.Stored.Path).Length);
        }

        Assert.Empty(_folder.Names);
        using var stopped = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => ScratchFile.Create(_folder.FullName, Bytes, _ => stopped.Cancel(), stopped.Token, keepsName: true));
        Assert.Empty(_folder.Names);
    }

    [Fact]
    public void Nothing_of_it_is_cached_when_it_has_been_written()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The page cache can be looked into on Linux only.");
        using var file = ScratchFile.Create(_folder.FullName, Bytes, _ => { }, Token);
        var share = PageCache.CachedShare(file.Stored.Handle, Bytes);
        Assert.SkipWhen(share == 1, "The temporary folder lies in memory.");
        Assert.Equal(0, share);
    }

    [Fact]
    public void Its_bytes_depend_on_the_file_and_the_place_and_cannot_be_compressed()
    {
        var (one, other) = (new ScratchPattern(1), new ScratchPattern(2));
        var whole = new byte[1 << 20];
        one.Fill(whole, 0);
        var part = new byte[4096];
        one.Fill(part, 65536);
        Assert.Equal(whole[65536..(65536 + 4096)], part);
        other.Fill(part, 65536);
        Assert.NotEqual(whole[65536..(65536 + 4096)], part);

        using var packed = new MemoryStream();
        using (var stream = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            stream.Write(whole);
        }

        Assert.True(packed.Length >= whole.Length, $"{whole.Length} bytes became {packed.Length}");
        Assert.Equal(256, whole.Chunk(4096).Select(Convert.ToHexString).Distinct().Count());
    }

    [Fact]
    public void Cancelling_leaves_nothing()
    {
        using var stop = new CancellationTokenSource();
        var start = 0L;
        Assert.ThrowsAny<OperationCanceledException>(() => ScratchFile.Create(_folder.FullName, 1L << 30, _ =>
        {
            start = start == 0 ? Stopwatch.GetTimestamp() : start;
            stop.Cancel();
        }, stop.Token));
        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(4), $"{Stopwatch.GetElapsedTime(start)}");
        Assert.Empty(_folder.Names);
        Assert.Empty(OpenHandles());
    }

    [Fact]
    public void A_size_that_the_disk_has_not_is_refused_with_the_figures()
    {
        var needed = 1L << 60;
        var error = Assert.Throws<StorageException>(() => PathBenchmark.ScratchBytes(_folder.FullName, new() { Size = needed }));
        Assert.Equal("ScratchFileFailed", error.ErrorId);
        Assert.Contains($"{needed} bytes", error.Message, StringComparison.Ordinal);
        Assert.Matches("has [0-9]+ bytes free", error.Message);

        // Space that is free, but would leave others too little.
        var free = new DriveInfo(_folder.FullName).AvailableFreeSpace;
        Assert.Throws<StorageException>(() => PathBenchmark.ScratchBytes(_folder.FullName, new() { Size = free - (512L << 20) }));
        Assert.Empty(_folder.Names);
    }

    [Fact]
    public void A_size_is_rounded_up_to_whole_pages() =>
        Assert.Equal(8192, PathBenchmark.ScratchBytes(_folder.FullName, new() { Size = 4097 }));

    [Theory]
    [InlineData("tmpfs")]
    [InlineData("ext4")]
    public void A_full_disk_is_reported_and_left_as_it_was(string fileSystem)
    {
        using var disk = SmallDisk.MountOrSkip(fileSystem, _folder);
        var before = new DriveInfo(disk.Folder).AvailableFreeSpace;
        var names = Directory.GetFileSystemEntries(disk.Folder).Length;
        var error = Assert.Throws<StorageException>(() => ScratchFile.Create(disk.Folder, 128L << 20, _ => { }, Token));
        Assert.Equal("ScratchFileFailed", error.ErrorId);
        Assert.Contains($"{128L << 20} bytes", error.Message, StringComparison.Ordinal);
        Assert.Equal(names, Directory.GetFileSystemEntries(disk.Folder).Length);
        Assert.Empty(OpenHandles());

        // Delayed accounting may keep a few blocks.
        Assert.InRange(new DriveInfo(disk.Folder).AvailableFreeSpace, before - (1 << 20), before + (1 << 20));

        using var next = ScratchFile.Create(disk.Folder, 16L << 20, _ => { }, Token);
        Assert.Equal(16L << 20, RandomAccess.GetLength(next.Stored.Handle));
    }

    /// <summary>A file system of 64 MiB.</summary>
    sealed class SmallDisk : IDisposable
    {
        SmallDisk(string folder) => Folder = folder;

        public string Folder { get; }

        public static SmallDisk MountOrSkip(string fileSystem, TemporaryFolder folder)
        {
            Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "Mounting needs root on Linux.");
            var target = Directory.CreateDirectory(folder.File("mount")).FullName;
            if (fileSystem == "tmpfs")
            {
                Run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", target);
            }
            else
            {
                var image = folder.File("image");
                using (var file = File.OpenHandle(image, FileMode.CreateNew, FileAccess.Write))
                {
                    RandomAccess.SetLength(file, 64 << 20);
                }

                Run("mkfs." + fileSystem, "-q", image);
                Run("mount", "-o", "loop", image, target);
            }

            return new(target);
        }

        public void Dispose()
        {
            using var process = Process.Start("umount", Folder);
            process.WaitForExit();
        }

        static void Run(string program, params string[] arguments)
        {
            try
            {
                using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
                var error = process.StandardError.ReadToEnd();
                process.WaitForExit();
                Assert.SkipUnless(process.ExitCode == 0, $"{program} was refused: {error}");
            }
            catch (System.ComponentModel.Win32Exception e)
            {
                Assert.Skip($"{program}: {e.Message}");
            }
        }
    }
}
