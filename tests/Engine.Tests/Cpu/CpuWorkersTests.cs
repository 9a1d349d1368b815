using System.Diagnostics;
using NvStream.Compute.Cpu;
using Xunit;

namespace NvStream.Tests.Cpu;

public sealed class CpuWorkersTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public unsafe void EveryItemIsDoneOnceWhateverTheChunk(int threads)
    {
        using var workers = new CpuWorkers(threads, processors: threads);
        var random = new Random(threads);
        var counts = new int[3000];
        for (var round = 0; round < 3000; round++)
        {
            var items = random.Next(0, counts.Length);
            var chunk = random.Next(1, 200);
            Array.Clear(counts);
            fixed (int* pointer = counts)
            {
                var job = new CountJob { Counts = pointer, Workers = threads };
                workers.Run(items, chunk, ref job);
            }

            Assert.Equal(-1, counts.AsSpan(0, items).IndexOfAnyExcept(1));
            Assert.Equal(-1, counts.AsSpan(items).IndexOfAnyExcept(0));
        }
    }

    [Fact]
    public unsafe void ManySmallJobsInARowNeitherHangNorLoseItems()
    {
        using var workers = new CpuWorkers(4, processors: 4);
        var counts = new int[16];
        fixed (int* pointer = counts)
        {
            var job = new CountJob { Counts = pointer, Workers = 4 };
            for (var round = 0; round < 50_000; round++)
            {
                workers.Run(counts.Length, 1, ref job);
            }
        }

        Assert.All(counts, count => Assert.Equal(50_000, count));
    }

    [Fact]
    public unsafe void WorkersThatHaveGoneToSleepAreWoken()
    {
        using var workers = new CpuWorkers(2, processors: 2);
        var seen = new int[2];
        fixed (int* pointer = seen)
        {
            // Neither item can end before the other has begun: a worker that stayed asleep would fail this.
            var job = new MeetJob { Arrived = pointer };
            for (var round = 0; round < 20; round++)
            {
                Thread.Sleep(5);
                seen[0] = 0;
                workers.Run(2, 1, ref job);
                Assert.Equal(2, seen[0]);
            }
        }
    }

    [Fact]
    public void MoreThreadsThanCoresFinishInBoundedTime()
    {
        var alone = Burn(1);
        var crowded = Burn(4 * Environment.ProcessorCount);
        Assert.True(crowded < alone * 20 + TimeSpan.FromSeconds(15), $"{crowded} with many threads, {alone} with one");

        static TimeSpan Burn(int threads)
        {
            // As where other processes take the cores that were counted: all threads are made and woken.
            using var workers = new CpuWorkers(threads, processors: threads);
            var job = new BurnJob();
            var watch = Stopwatch.StartNew();
            for (var round = 0; round < 500; round++)
            {
                workers.Run(64, 1, ref job);
            }

            Assert.Equal(500 * 64, job.Done);
            return watch.Elapsed;
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void NoMoreThreadsWorkThanCanRunAtOnce(int processors)
    {
        using var workers = new CpuWorkers(12, processors);
        Assert.Equal(12, workers.Count);
        var job = new WhoJob();
        for (var round = 0; round < 2000; round++)
        {
            workers.Run(64, 1, ref job);
        }

        Assert.Equal(2000 * 64, job.Done);
        Assert.Equal(0, job.Workers >> processors);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void AnExceptionOfAJobReachesTheCallerAndTheWorkersLiveOn(int threads)
    {
        using var workers = new CpuWorkers(threads, processors: threads);
        var job = new ThrowJob { At = 77 };
        for (var round = 0; round < 50; round++)
        {
            Assert.Throws<InvalidDataException>(() => workers.Run(100, 1, ref job));
        }

        var fine = new ThrowJob { At = -1 };
        workers.Run(100, 1, ref fine);
    }

    unsafe struct CountJob : IParallelJob
    {
        public int* Counts;
        public int Workers;

        public readonly void Execute(int begin, int end, int worker)
        {
            if (worker < 0 || worker >= Workers)
            {
                throw new InvalidOperationException($"worker {worker} of {Workers}");
            }

            for (var i = begin; i < end; i++)
            {
                Interlocked.Increment(ref Counts[i]);
            }
        }
    }

    unsafe struct MeetJob : IParallelJob
    {
        public int* Arrived;

        public readonly void Execute(int begin, int end, int worker)
        {
            Interlocked.Increment(ref *Arrived);
            var limit = Stopwatch.StartNew();
            while (Volatile.Read(ref *Arrived) < 2)
            {
                if (limit.Elapsed > TimeSpan.FromSeconds(20))
                {
                    throw new TimeoutException("the other worker never came");
                }

                Thread.Yield();
            }
        }
    }

    struct BurnJob : IParallelJob
    {
        public long Done;

        public void Execute(int begin, int end, int worker)
        {
            var x = 1.0 + begin;
            for (var i = 0; i < 5000; i++)
            {
                x = Math.Sqrt(x + i);
            }

            Interlocked.Add(ref Done, x > 0 ? end - begin : 0);
        }
    }

    /// <summary>Which workers took part, a bit each.</summary>
    struct WhoJob : IParallelJob
    {
        public int Workers;
        public int Done;

        public void Execute(int begin, int end, int worker)
        {
            Interlocked.Or(ref Workers, 1 << worker);
            Interlocked.Add(ref Done, end - begin);
        }
    }

    struct ThrowJob : IParallelJob
    {
        public int At;

        public readonly void Execute(int begin, int end, int worker)
        {
            if (begin <= At && At < end)
            {
                throw new InvalidDataException("on purpose");
            }
        }
    }
}
