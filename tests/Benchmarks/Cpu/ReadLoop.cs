using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using NvStream.Compute;
using NvStream.Compute.Cpu;

namespace NvStream.Benchmarks.Cpu;

/// <summary>
/// What the memory gives to a loop that only reads and adds: 1 GiB from <see cref="CpuDevice.Allocate"/>, where weights
/// lie too (anonymous pages, huge ones advised), an equal stretch of it for each thread.
/// </summary>
sealed unsafe class ReadLoop : IDisposable
{
    /// <summary>Bytes ahead of the loads at which the second way of reading asks for memory.</summary>
    public const int Ahead = 2560;

    const long Bytes = 1L << 30;
    const int Step = 8 * 32;
    const int LineBytes = 64;

    /// <summary>Seconds that a measurement takes about.</summary>
    const double Wanted = 0.25;

    readonly CpuDevice _device = new(1);
    readonly DeviceMemory _memory;
    readonly int _threads;
    readonly int _passes = 1;
    ulong _sum;

    public ReadLoop(int threads)
    {
        _threads = threads;
        _memory = _device.Allocate(Bytes, "read loop");

        // Each thread touches its own stretch first, so that it lies in that core's memory where there are several.
        Team.Run(threads, i => Stretch(i).Fill((byte)(i + 1)));
        _passes = (int)Math.Clamp(Wanted * Measure(prefetches: false) / Bytes, 1, 1000);
    }

    /// <summary>Whether there is an instruction to ask for memory ahead of its use.</summary>
    public static bool CanPrefetch => Sse.IsSupported;

    /// <summary>Bytes per second of all threads.</summary>
    public double Measure(bool prefetches)
    {
        var time = Team.Run(_threads, i =>
        {
            ulong sum = 0;
            for (var pass = 0; pass < _passes; pass++)
            {
                fixed (byte* stretch = Stretch(i))
                {
                    sum += prefetches ? SumAhead(stretch, Stretch(i).Length) : Sum(stretch, Stretch(i).Length);
                }
            }

            Interlocked.Add(ref _sum, sum);
        });
        return (double)Stretch(0).Length * _threads * _passes / time.TotalSeconds;
    }

    public void Dispose()
    {
        // Whoever uses the sum keeps the loops alive.
        GC.KeepAlive(_sum);
        _memory.Dispose();
        _device.Dispose();
    }

    Span<byte> Stretch(int thread)
    {
        var bytes = (int)(Bytes / _threads / Step * Step);
        return new((byte*)_memory.Address + (nint)thread * bytes, bytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static ulong Sum(byte* at, int bytes)
    {
        var (s0, s1, s2, s3) = (Vector256<ulong>.Zero, Vector256<ulong>.Zero, Vector256<ulong>.Zero, Vector256<ulong>.Zero);
        for (var end = at + bytes; at < end; at += Step)
        {
            s0 += Vector256.Load((ulong*)at) + Vector256.Load((ulong*)(at + 32));
            s1 += Vector256.Load((ulong*)(at + 64)) + Vector256.Load((ulong*)(at + 96));
            s2 += Vector256.Load((ulong*)(at + 128)) + Vector256.Load((ulong*)(at + 160));
            s3 += Vector256.Load((ulong*)(at + 192)) + Vector256.Load((ulong*)(at + 224));
        }

        return Vector256.Sum(s0 + s1 + s2 + s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static ulong SumAhead(byte* at, int bytes)
    {
        var (s0, s1, s2, s3) = (Vector256<ulong>.Zero, Vector256<ulong>.Zero, Vector256<ulong>.Zero, Vector256<ulong>.Zero);
        for (var end = at + bytes; at < end; at += Step)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch0(at + Ahead);
                Sse.Prefetch0(at + Ahead + LineBytes);
                Sse.Prefetch0(at + Ahead + 2 * LineBytes);
                Sse.Prefetch0(at + Ahead + 3 * LineBytes);
            }

            s0 += Vector256.Load((ulong*)at) + Vector256.Load((ulong*)(at + 32));
            s1 += Vector256.Load((ulong*)(at + 64)) + Vector256.Load((ulong*)(at + 96));
            s2 += Vector256.Load((ulong*)(at + 128)) + Vector256.Load((ulong*)(at + 160));
            s3 += Vector256.Load((ulong*)(at + 192)) + Vector256.Load((ulong*)(at + 224));
        }

        return Vector256.Sum(s0 + s1 + s2 + s3);
    }
}
