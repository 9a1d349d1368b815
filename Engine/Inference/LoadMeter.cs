using System.Diagnostics;

namespace NvStream.Inference;

/// <summary>Turns loaded bytes into progress with a rate, a few times a second.</summary>
/// <param name="deviceBytes">Bytes to be loaded into the device's memory, which come first.</param>
/// <param name="hostBytes">The same of page-locked host memory.</param>
sealed class LoadMeter(long deviceBytes, long hostBytes, IProgress<LoadProgress>? progress)
{
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    readonly long _total = deviceBytes + hostBytes;
    readonly long _start = Stopwatch.GetTimestamp();
    long _done;
    TimeSpan _last;

    public void Add(long bytes)
    {
        _done += bytes;
        var elapsed = Stopwatch.GetElapsedTime(_start);
        if (elapsed - _last >= Interval || _done == _total)
        {
            _last = elapsed;
            var activity = _done < deviceBytes || hostBytes == 0 ? "Loading device memory" : "Loading host memory";
            progress?.Report(new(activity, _done, _total, _done / Math.Max(1e-9, elapsed.TotalSeconds)));
        }
    }
}
