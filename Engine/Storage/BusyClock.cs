using System.Diagnostics;

namespace NvStream.Storage;

/// <summary>Time in which at least one of several threads was at work.</summary>
sealed class BusyClock
{
    readonly Lock _lock = new();
    int _atWork;
    long _since;
    long _ticks;

    public TimeSpan Elapsed
    {
        get
        {
            lock (_lock)
            {
                return Stopwatch.GetElapsedTime(0, _ticks + (_atWork > 0 ? Stopwatch.GetTimestamp() - _since : 0));
            }
        }
    }

    public void Enter()
    {
        lock (_lock)
        {
            if (_atWork++ == 0)
            {
                _since = Stopwatch.GetTimestamp();
            }
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            if (--_atWork == 0)
            {
                _ticks += Stopwatch.GetTimestamp() - _since;
            }
        }
    }
}
