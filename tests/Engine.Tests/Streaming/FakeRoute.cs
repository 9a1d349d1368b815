using NvStream.Compute;
using NvStream.Gguf;
using NvStream.Storage;
using NvStream.Tests.Storage;

namespace NvStream.Tests.Streaming;

/// <summary>
/// The route into host slots over reads that are late and out of order as the seed says, and fail where they are told
/// to. Memory gets each word's file offset.
/// </summary>
sealed unsafe class FakeRoute : IStorageRoute
{
    readonly HostRoute _route;

    public FakeRoute(int seed, int depth = 4, int maxDelayMicroseconds = 200, TimeSpan? timeLimit = null)
    {
        Reads = new(depth, seed, maxDelayMicroseconds)
        {
            Fault = r => FailAt is { } offset && r.Offset <= offset && offset < r.Offset + r.Length ? (0, new("a test's")) : (r.Length, null),
        };
        var options = new RouteOptions(FileExtent.Alignment, depth) { TimeLimit = timeLimit ?? TimeSpan.FromSeconds(30) };
        _route = new(RouteKind.HostDirect, "a test's", Reads, StoredFiles.OpenCached([Endless]), options);
    }

    public FakeReads Reads { get; }

    /// <summary>File offset whose block fails.</summary>
    public long? FailAt { get; set; }

    public RouteKind Kind => _route.Kind;

    public string Reason => _route.Reason;

    public int BlockSize => _route.BlockSize;

    public int CopyFences => _route.CopyFences;

    public TimeSpan BusyTime => _route.BusyTime;

    public void Attach(DeviceMemory memory) => _route.Attach(memory);

    public void Detach(DeviceMemory memory) => _route.Detach(memory);

    public void Begin(Transfer transfer) => _route.Begin(transfer);

    public void Dispose() => _route.Dispose();

    /// <summary>Whether memory holds what this route writes for the extents.</summary>
    public static bool Holds(nint address, IEnumerable<FileExtent> extents)
    {
        foreach (var extent in extents)
        {
            for (long i = 0; i < extent.Length; i += sizeof(long), address += sizeof(long))
            {
                if (*(long*)address != extent.Offset + i)
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>A file that is never read and as long as any.</summary>
    static StoredFile Endless { get; } = new("fake", long.MaxValue, File.OpenHandle(Fixtures.DemoModel));
}
