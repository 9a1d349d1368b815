using NvStream.Compute;
using System.Runtime.InteropServices;
using NvStream.Gguf;
using NvStream.Storage;

namespace NvStream.Tests.Streaming;

/// <summary>
/// A route that writes each block's file offset into memory instead of reading a file, as late and as out of order as
/// the seed says, and fails where it is told to.
/// </summary>
sealed unsafe class FakeRoute : IStorageRoute
{
    readonly ReaderPool _readers;
    readonly Random _random;
    readonly BusyClock _busy = new();

    public FakeRoute(int seed, int depth = 4, int maxDelayMicroseconds = 200)
    {
        _random = new(seed);
        _readers = new(depth, "fake", (transfer, block) =>
        {
            transfer.After?.Wait();
            _busy.Enter();
            int delay;
            lock (_random)
            {
                delay = _random.Next(maxDelayMicroseconds + 1);
            }

            var until = System.Diagnostics.Stopwatch.GetTimestamp() + delay * System.Diagnostics.Stopwatch.Frequency / 1_000_000;
            while (System.Diagnostics.Stopwatch.GetTimestamp() < until)
            {
                Thread.Yield();
            }

            _busy.Leave();

            if (FailAt is { } offset && block.Offset <= offset && offset < block.Offset + block.Length)
            {
                throw StorageException.ReadFailed("fake", Kind, block.Offset, block.Length, 0);
            }

            for (var i = 0; i < block.Length; i += sizeof(long))
            {
                *(long*)(block.Destination + i) = block.Offset + i;
            }
        });
    }

    /// <summary>File offset whose block fails.</summary>
    public long? FailAt { get; set; }

    public RouteKind Kind => RouteKind.HostDirect;

    public string Reason => "a test's";

    public int BlockSize => FileExtent.Alignment;

    public int CopyFences => 0;

    public TimeSpan BusyTime => _busy.Elapsed;

    public void Attach(DeviceMemory memory)
    {
    }

    public void Detach(DeviceMemory memory)
    {
    }

    public void Begin(Transfer transfer) => _readers.Begin(transfer);

    public void Dispose() => _readers.Dispose();

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
}
