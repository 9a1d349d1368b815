using System.Diagnostics;
using System.Management.Automation;

namespace NvStream.Commands;

/// <summary>Shows how a worker gets on: at most five times a second, with rate and time left, and without ever making it wait.</summary>
sealed class ProgressDisplay(Cmdlet cmdlet, WorkerPump pump, string activity)
{
    const int ProgressId = 0x4E56;
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    long _last;

    /// <summary>On the worker's thread. A report may be lost.</summary>
    public void Report(string doing, long bytesDone, long bytesTotal, double bytesPerSecond)
    {
        if (_last == 0 || Stopwatch.GetElapsedTime(_last) >= Interval)
        {
            _last = Stopwatch.GetTimestamp();
            pump.TryPost(() => Show(doing, bytesDone, bytesTotal, bytesPerSecond));
        }
    }

    /// <summary>On the pipeline thread.</summary>
    public void End() => cmdlet.WriteProgress(new(ProgressId, activity, "Done") { RecordType = ProgressRecordType.Completed });

    void Show(string doing, long bytesDone, long bytesTotal, double bytesPerSecond)
    {
        var record = new ProgressRecord(
            ProgressId, activity, $"{doing}: {Human.Bytes(bytesDone)} of {Human.Bytes(bytesTotal)}, {Human.ByteRate(bytesPerSecond)}");
        if (bytesTotal > 0)
        {
            record.PercentComplete = (int)Math.Clamp(100 * bytesDone / bytesTotal, 0, 100);
        }

        if (bytesPerSecond > 0)
        {
            record.SecondsRemaining = (int)Math.Clamp((bytesTotal - bytesDone) / bytesPerSecond, 0, int.MaxValue);
        }

        cmdlet.WriteProgress(record);
    }
}
