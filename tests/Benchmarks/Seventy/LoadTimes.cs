using System.Diagnostics;
using NvStream.Inference;

namespace NvStream.Benchmarks.Seventy;

/// <summary>What loading each tier took, by its progress.</summary>
sealed class LoadTimes : IProgress<LoadProgress>
{
    readonly List<(string Activity, long Bytes, long Since, long Until, long Before)> _tiers = [];
    long _last = Stopwatch.GetTimestamp();
    long _bytes;

    public void Report(LoadProgress value)
    {
        if (_tiers.Count == 0 || _tiers[^1].Activity != value.Activity)
        {
            _tiers.Add((value.Activity, 0, _last, _last, _bytes));
        }

        (_last, _bytes) = (Stopwatch.GetTimestamp(), value.BytesDone);
        _tiers[^1] = _tiers[^1] with { Bytes = _bytes - _tiers[^1].Before, Until = _last };
    }

    public override string ToString() => string.Join("; ", _tiers.Select(t =>
        $"{t.Activity.ToLowerInvariant()}: {t.Bytes / 1e9:F2} GB in {Stopwatch.GetElapsedTime(t.Since, t.Until).TotalSeconds:F1} s"));
}
