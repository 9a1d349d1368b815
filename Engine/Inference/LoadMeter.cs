using System.Diagnostics;

namespace NvStream.Inference;

/// <summary>Turns loaded bytes into progress with a rate, a few times a second.</summary>
sealed class LoadMeter(long total, IProgress<LoadProgress>? progress)
{
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    readonly long _start = Stopwatch.GetTimestamp();
    long _done;
    TimeSpan _last;

    public void Add(long bytes)
    {
        _done += bytes;
        var elapsed = Stopwatch.GetElapsedTime(_start);
        if (elapsed - _last >= Interval || _done == total)
        {
            _last = elapsed;
            progress?.Report(new("Loading resident layers", _done, total, _done / Math.Max(1e-9, elapsed.TotalSeconds)));
        }
    }
}
