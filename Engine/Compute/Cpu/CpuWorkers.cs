using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace NvStream.Compute.Cpu;

/// <summary>
/// Persistent threads that share indexed work with the thread that calls <see cref="Run"/>. A job is open while it has
/// chunks to claim; a worker that finds it open joins, and the caller waits for those alone that joined, never for a
/// worker that another process keeps off its core. Idle workers spin for some tens of microseconds, because the next
/// operation of a pass is usually that close, and then sleep.
/// </summary>
internal sealed unsafe class CpuWorkers : IDisposable
{
    const long Open = 1L << 31;
    const int ActiveMask = int.MaxValue;

    /// <summary>Nanoseconds on one thread below which sharing a job costs more than it gains.</summary>
    public const double WorthSharing = 12_000;

    /// <summary>Nanoseconds that a chunk takes at least.</summary>
    const double WorthClaiming = 2_000;

    /// <summary>Chunks a thread gets on average: enough to even out threads that are held up.</summary>
    const int ChunksPerThread = 4;

    // Pure spinning reacts fastest, yielding is kind to others, sleeping is free: each has its share of the wait.
    static readonly long BusyTicks = Stopwatch.Frequency * 8 / 1_000_000;
    static readonly long IdleTicks = Stopwatch.Frequency * 60 / 1_000_000;
    static readonly long JoinTicks = Stopwatch.Frequency * 400 / 1_000_000;

    // A worker that was kept off its core finds its time spent without having looked; sleeping then would cost more.
    const int MinimumYields = 16;

    static int liveThreads;

    readonly Thread[] threads;
    readonly Parker[] beds;
    readonly Parker callerBed = new();
    ExceptionDispatchInfo? failure;
    volatile bool stopping;
    Shared shared;

    /// <param name="count">Threads that may work on a job, the caller counted in; at least 1.</param>
    /// <param name="processors">Threads that can run at once; null to ask the system.</param>
    public CpuWorkers(int count, int? processors = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Count = count;

        // More would only take turns with these, and a turn of the scheduler's is longer than most jobs.
        var helpers = Math.Min(count, processors ?? CpuCores.Processors()) - 1;
        threads = new Thread[helpers];
        beds = new Parker[helpers];
        for (var i = 0; i < threads.Length; i++)
        {
            var worker = i + 1;
            beds[i] = new Parker();
            threads[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"NvStream CPU {worker}" };
        }

        foreach (var thread in threads)
        {
            thread.Start();
        }
    }

    /// <summary>Worker threads alive in the process, callers not counted.</summary>
    public static int LiveThreads => Volatile.Read(ref liveThreads);

    /// <summary>
    /// Threads that were asked for, the caller counted in: jobs are cut for as many. There are no more of them than can
    /// run at once.
    /// </summary>
    public int Count { get; }

    /// <summary>
    /// Does items [0, <paramref name="items"/>) in chunks of <paramref name="chunk"/> on the caller and the workers and
    /// returns when all are done. One call at a time, not from inside a job. The first exception of a job is rethrown here.
    /// </summary>
    public void Run<TJob>(int items, int chunk, ref TJob job)
        where TJob : unmanaged, IParallelJob
    {
        if (items <= chunk || threads.Length == 0)
        {
            if (items > 0)
            {
                job.Execute(0, items, 0);
            }

            return;
        }

        fixed (TJob* pointer = &job)
        {
            shared.Job = pointer;
            shared.Entry = &Invoke<TJob>;
            shared.Items = items;
            shared.Chunk = chunk;
            shared.Next = 0;
            Share(((items - 1) / chunk) + 1);
        }
    }

    /// <summary>
    /// As <see cref="Run"/>, with chunks from an estimate of an item's time on one thread; a job that ends sooner than
    /// sharing it pays is done by the caller.
    /// </summary>
    public void RunTimed<TJob>(int items, double nanosecondsPerItem, ref TJob job)
        where TJob : unmanaged, IParallelJob
    {
        var chunk = items;
        if (items * nanosecondsPerItem >= WorthSharing)
        {
            var even = items / (Count * ChunksPerThread);
            chunk = Math.Max(1, Math.Max(even, (int)(WorthClaiming / nanosecondsPerItem)));
        }

        Run(items, chunk, ref job);
    }

    public void Dispose()
    {
        if (stopping)
        {
            return;
        }

        stopping = true;
        Interlocked.MemoryBarrier();
        foreach (var bed in beds)
        {
            bed.Wake();
        }

        foreach (var thread in threads)
        {
            thread.Join();
        }

        foreach (var bed in beds)
        {
            bed.Dispose();
        }

        callerBed.Dispose();
    }

    static void Invoke<TJob>(void* job, int begin, int end, int worker)
        where TJob : unmanaged, IParallelJob => ((TJob*)job)->Execute(begin, end, worker);

    void Share(int chunks)
    {
        ObjectDisposedException.ThrowIf(stopping, this);
        var generation = (shared.State >> 32) + 1;
        Interlocked.Exchange(ref shared.State, (generation << 32) | Open);

        var helpers = Math.Min(chunks - 1, beds.Length);
        for (var i = 0; i < helpers; i++)
        {
            beds[i].Wake();
        }

        ClaimChunks(0);
        if (((int)Interlocked.And(ref shared.State, ~Open) & ActiveMask) != 0)
        {
            AwaitJoined();
        }

        if (failure is { } first)
        {
            failure = null;
            first.Throw();
        }
    }

    void ClaimChunks(int worker)
    {
        try
        {
            var job = shared.Job;
            var entry = shared.Entry;
            var (items, chunk) = (shared.Items, shared.Chunk);
            while (true)
            {
                var begin = Interlocked.Add(ref shared.Next, chunk) - chunk;
                if (begin >= items)
                {
                    return;
                }

                entry(job, (int)begin, (int)Math.Min(begin + chunk, items), worker);
            }
        }
#pragma warning disable CA1031 // Whatever a job throws belongs to the caller of Run, not to this thread.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(exception), null);
            Interlocked.Exchange(ref shared.Next, shared.Items);
        }
    }

    void AwaitJoined()
    {
        var start = Stopwatch.GetTimestamp();
        while (Active > 0)
        {
            var waited = Stopwatch.GetTimestamp() - start;
            if (waited < BusyTicks)
            {
                Thread.SpinWait(2);
            }
            else if (waited < JoinTicks)
            {
                Thread.Yield();
            }
            else
            {
                callerBed.Prepare();
                if (Active > 0)
                {
                    callerBed.Sleep();
                }
                else
                {
                    callerBed.Cancel();
                }
            }
        }
    }

    int Active => (int)Volatile.Read(ref shared.State) & ActiveMask;

    void Work(int worker)
    {
        Interlocked.Increment(ref liveThreads);
        var seen = 0L;
        while (AwaitJob(beds[worker - 1], ref seen))
        {
            ClaimChunks(worker);
            var left = Interlocked.Decrement(ref shared.State);
            if ((left & Open) == 0 && (left & ActiveMask) == 0)
            {
                callerBed.Wake();
            }
        }

        Interlocked.Decrement(ref liveThreads);
    }

    /// <summary>Waits for a job that this worker has not seen and joins it; false when the workers stop.</summary>
    bool AwaitJob(Parker bed, ref long seen)
    {
        var (start, yields) = (Stopwatch.GetTimestamp(), 0);
        while (!stopping)
        {
            if (TryJoin(ref seen))
            {
                return true;
            }

            var waited = Stopwatch.GetTimestamp() - start;
            if (waited > IdleTicks && yields >= MinimumYields)
            {
                bed.Prepare();
                if (!stopping && !IsOpen(Volatile.Read(ref shared.State), seen))
                {
                    bed.Sleep();
                    (start, yields) = (Stopwatch.GetTimestamp(), 0);
                }
                else
                {
                    bed.Cancel();
                }
            }
            else if (waited < BusyTicks)
            {
                Thread.SpinWait(2);
            }
            else
            {
                Thread.Yield();
                yields++;
            }
        }

        return false;
    }

    bool TryJoin(ref long seen)
    {
        var state = Volatile.Read(ref shared.State);
        while (IsOpen(state, seen))
        {
            // The state names the generation, so that a join can only succeed for the job that was looked at.
            var found = Interlocked.CompareExchange(ref shared.State, state + 1, state);
            if (found == state)
            {
                seen = state >> 32;
                return true;
            }

            state = found;
        }

        return false;
    }

    static bool IsOpen(long state, long seen) => (state & Open) != 0 && state >> 32 != seen;

    /// <summary>What the threads write to each other, a cache line apart: claims must not slow the looks at the state.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 320)]
    struct Shared
    {
        /// <summary>Generation of the job in the high 32 bits, then the open bit, then the number of workers inside.</summary>
        [FieldOffset(64)]
        public long State;

        [FieldOffset(128)]
        public long Next;

        [FieldOffset(192)]
        public void* Job;

        [FieldOffset(200)]
        public delegate*<void*, int, int, int, void> Entry;

        [FieldOffset(208)]
        public long Items;

        [FieldOffset(216)]
        public int Chunk;
    }
}
