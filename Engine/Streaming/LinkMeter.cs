using System.Diagnostics;
using NvStream.Compute;

namespace NvStream.Streaming;

/// <summary>How fast copies from pinned host memory reach a device.</summary>
static class LinkMeter
{
    const int Rounds = 3;

    /// <summary>Queued one behind the other: a copy alone is measured with the time it takes to begin and to hear of its end.</summary>
    const int CopiesARound = 8;
    const long MostBytes = 32 << 20;

    /// <summary>Bytes per second of the fastest of a few rows of copies of up to 32 MiB each.</summary>
    /// <param name="destination">Device memory of at least so many bytes, which are overwritten.</param>
    /// <param name="copyFence">Number of a copy fence that nobody waits for.</param>
    public static double Measure(IHostCopies copies, nint destination, long bytes, int copyFence)
    {
        bytes = Math.Min(bytes, MostBytes);
        using var memory = copies.AllocateHost(bytes, "measuring the link");
        var fastest = TimeSpan.MaxValue;
        for (var i = 0; i < Rounds; i++)
        {
            var start = Stopwatch.GetTimestamp();
            for (var copy = 0; copy < CopiesARound; copy++)
            {
                copies.Copy(memory.Address, destination, bytes, after: null);
            }

            copies.RecordCopyFence(copyFence).Wait();
            var time = Stopwatch.GetElapsedTime(start);
            fastest = time < fastest ? time : fastest;
        }

        return CopiesARound * bytes / Math.Max(1e-9, fastest.TotalSeconds);
    }
}
