using System.Globalization;

namespace NvStream.Benchmarks.Cpu;

/// <summary>
/// How much of the processors programs other than the compared ones took. Threads that wait for each other by spinning,
/// as llama.cpp's do, suffer from it far more than ours: a comparison on a busy machine flatters us.
/// </summary>
/// <param name="used">Processor time that the compared programs have used so far.</param>
sealed class Bystanders(Func<TimeSpan> used)
{
    const string Counters = "/proc/stat";
    const double TicksPerSecond = 100;

    readonly TimeSpan? _busy = Busy();
    readonly TimeSpan _used = used();
    readonly long _start = Environment.TickCount64;

    /// <summary>0 to 1 of all processors since this was made; null where the system does not tell.</summary>
    public double? Share => Busy() - _busy is { } busy
        ? Math.Max(0, (busy - (used() - _used)) / (TimeSpan.FromMilliseconds(Environment.TickCount64 - _start) * Environment.ProcessorCount))
        : null;

    /// <summary>Of all processors since the machine started: user, nice, system, irq, softirq, steal (proc(5)).</summary>
    static TimeSpan? Busy()
    {
        if (!File.Exists(Counters))
        {
            return null;
        }

        var fields = File.ReadLines(Counters).First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var ticks = new[] { 1, 2, 3, 6, 7, 8 }.Sum(i => long.Parse(fields[i], CultureInfo.InvariantCulture));
        return TimeSpan.FromSeconds(ticks / TicksPerSecond);
    }
}
