using System.Diagnostics;
using NvStream.Streaming;

namespace NvStream.Inference;

/// <summary>
/// What each pass takes, by the counters of what holds the weights. Used by the thread that runs passes; allocates nothing.
/// </summary>
/// <param name="deviceBytes">Bytes of resident weights, which every pass reads.</param>
sealed class PassMeter(WeightStore weights, long deviceBytes)
{
    Counters _begin;
    Counters _end;
    TimeSpan _between;

    /// <param name="isContinued">
    /// Whether someone of the last pass goes on. Reading runs on from pass to pass, so what storage did since the last one
    /// then belongs to this one: else bytes would count whose time does not. After a rest it does not, as nobody waited.
    /// </param>
    public void Begin(bool isContinued)
    {
        _begin = Counters.Of(weights);
        _between = TimeSpan.Zero;
        if (isContinued)
        {
            _between = Stopwatch.GetElapsedTime(_end.Time, _begin.Time);
            _begin = _begin with { Busy = _end.Busy };
        }
    }

    /// <summary>When the device is done with the pass.</summary>
    public PassFigures End()
    {
        _end = Counters.Of(weights);
        var (host, storage) = (_end.HostBytes - _begin.HostBytes, _end.StorageBytes - _begin.StorageBytes);
        return new()
        {
            Passes = 1,
            Duration = Stopwatch.GetElapsedTime(_begin.Time, _end.Time),
            Between = _between,
            DeviceBytes = deviceBytes,
            HostBytes = host,
            StorageBytes = storage,
            StorageStall = _end.StorageStall - _begin.StorageStall,
            LinkStall = _end.LinkStall - _begin.LinkStall,
            ReadTime = _end.Busy - _begin.Busy,
            LinkTime = LinkTimeOf(host + storage),
        };
    }

    /// <summary>At the rate seen when loading; what came faster now shows that the link can do that.</summary>
    TimeSpan LinkTimeOf(long bytes)
    {
        var (expected, seen) = (weights.LinkTime(bytes), Stopwatch.GetElapsedTime(_begin.Time, _end.Time) + _between);
        return expected < seen ? expected : seen;
    }

    readonly record struct Counters(long Time, long HostBytes, long StorageBytes, TimeSpan StorageStall, TimeSpan LinkStall, TimeSpan Busy)
    {
        public static Counters Of(WeightStore weights) => new(
            Stopwatch.GetTimestamp(), weights.HostBytesConsumed, weights.BytesConsumed, weights.StorageStall, weights.DeviceStall, weights.StorageBusy);
    }
}
