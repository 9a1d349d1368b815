using NvStream.Measurement;
using NvStream.Tests.Gguf;

namespace NvStream.Tests.Measurement;

public sealed class PageCacheTests : IDisposable
{
    const int Bytes = 16 << 20;

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void It_sees_what_was_evicted_and_what_was_read()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The page cache can be looked into on Linux only.");
        var path = _folder.File("file", new byte[Bytes]);
        using var handle = File.OpenHandle(path);
        Assert.Equal(1, PageCache.CachedShare(handle, Bytes));

        PageCache.Flush(handle);
        PageCache.Evict(handle, 0, Bytes);
        Assert.SkipWhen(PageCache.CachedShare(handle, Bytes) == 1, "The temporary folder lies in memory.");
        Assert.Equal(0, PageCache.CachedShare(handle, Bytes));

        // Looking brought nothing in.
        Assert.Equal(0, PageCache.CachedShare(handle, Bytes));

        RandomAccess.Read(handle, new byte[Bytes / 4], 0);
        Assert.InRange(PageCache.CachedShare(handle, Bytes)!.Value, 0.25, 0.6);

        long read = 0;
        PageCache.Fill(handle, Bytes, done => read = done, TestContext.Current.CancellationToken);
        Assert.Equal(Bytes, read);
        Assert.Equal(1, PageCache.CachedShare(handle, Bytes));
    }
}
