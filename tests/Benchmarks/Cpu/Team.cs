using System.Diagnostics;

namespace NvStream.Benchmarks.Cpu;

/// <summary>Threads that begin together. They are nothing of the engine's: what they reach is the machine's.</summary>
static class Team
{
    /// <summary>Does <paramref name="work"/> on so many threads, the caller one of them.</summary>
    /// <param name="work">Takes the thread's number, from 0.</param>
    /// <returns>From the first one's start to the last one's end.</returns>
    public static TimeSpan Run(int threads, Action<int> work)
    {
        var (starts, ends) = (new long[threads], new long[threads]);
        var awaited = threads;
        var others = Enumerable.Range(1, threads - 1).Select(i => new Thread(() => Work(i))).ToArray();
        foreach (var thread in others)
        {
            thread.Start();
        }

        Work(0);
        foreach (var thread in others)
        {
            thread.Join();
        }

        return Stopwatch.GetElapsedTime(starts.Min(), ends.Max());

        void Work(int i)
        {
            Interlocked.Decrement(ref awaited);
            var spin = new SpinWait();
            while (Volatile.Read(ref awaited) > 0)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }

            starts[i] = Stopwatch.GetTimestamp();
            work(i);
            ends[i] = Stopwatch.GetTimestamp();
        }
    }
}
