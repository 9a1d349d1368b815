using System.Diagnostics;

namespace NvStream.Storage;

/// <summary>How long single reads took, from their submission to their completion; written by one thread, read when it rests.</summary>
public sealed class ReadLatencies
{
    readonly long[] _ticks;
    long _count;

    /// <param name="capacity">Reads that are kept: the last ones.</param>
    public ReadLatencies(int capacity) => _ticks = new long[capacity];

    /// <summary>Forgets what was recorded.</summary>
    public void Clear() => Volatile.Write(ref _count, 0);

    /// <summary>The time below which this share of the reads kept ended; zero where there are none.</summary>
    /// <param name="share">0 to 1.</param>
    public TimeSpan Percentile(double share)
    {
        var count = (int)Math.Min(Volatile.Read(ref _count), _ticks.Length);
        if (count == 0)
        {
            return TimeSpan.Zero;
        }

        var sorted = _ticks.AsSpan(0, count).ToArray();
        Array.Sort(sorted);
        return Stopwatch.GetElapsedTime(0, sorted[Math.Min(count - 1, (int)(share * count))]);
    }

    internal void Add(long ticks)
    {
        _ticks[_count % _ticks.Length] = ticks;
        Volatile.Write(ref _count, _count + 1);
    }
}
