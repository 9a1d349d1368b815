using System.Diagnostics;

namespace NvStream.Measurement;

/// <summary>Turns bytes done into progress with a rate, a few times a second.</summary>
sealed class ProgressMeter(IProgress<PathProgress>? progress)
{
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    string _activity = "";
    long _total;
    long _start;
    TimeSpan _last;

    /// <summary>A step begins.</summary>
    /// <param name="total">Bytes of the step.</param>
    public void Begin(string activity, long total)
    {
        (_activity, _total, _start, _last) = (activity, total, Stopwatch.GetTimestamp(), TimeSpan.Zero);
        progress?.Report(new(activity, 0, total, 0));
    }

    /// <param name="done">Bytes of the step so far.</param>
    public void Report(long done)
    {
        var elapsed = Stopwatch.GetElapsedTime(_start);
        if (progress is not null && (elapsed - _last >= Interval || done >= _total))
        {
            _last = elapsed;
            progress.Report(new(_activity, done, _total, done / Math.Max(1e-9, elapsed.TotalSeconds)));
        }
    }
}
