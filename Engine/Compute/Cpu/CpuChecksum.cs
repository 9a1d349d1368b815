using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu;

/// <summary><see cref="MemoryChecksum"/> of the processor's memory, in pieces that any thread may take.</summary>
internal static unsafe class CpuChecksum
{
    /// <summary>Bytes of a piece: streams well, and is a page-walker's and a prefetcher's idea of long.</summary>
    const int PieceBytes = 256 << 10;

    /// <summary>Nanoseconds a piece takes a thread at 10 GB/s.</summary>
    const double PieceTime = PieceBytes / 10.0;

    /// <param name="vectorBits">128, 256 or 512.</param>
    /// <param name="bytes">A multiple of 8.</param>
    public static ulong Of(CpuWorkers workers, int vectorBits, nint address, long bytes) => vectorBits switch
    {
        512 => Of<ChecksumLanes512, Vector512<ulong>>(workers, address, bytes),
        256 => Of<ChecksumLanes256, Vector256<ulong>>(workers, address, bytes),
        _ => Of<ChecksumLanes128, Vector128<ulong>>(workers, address, bytes),
    };

    static ulong Of<TLanes, TVector>(CpuWorkers workers, nint address, long bytes)
        where TLanes : unmanaged, IChecksumLanes<TVector>
        where TVector : struct
    {
        var sum = 0UL;
        var job = new ChecksumJob<TLanes, TVector>
        {
            Words = (ulong*)address,
            Count = bytes / sizeof(ulong),
            PieceWords = PieceBytes / sizeof(ulong),
            Sum = &sum,
        };
        workers.RunTimed(checked((int)((bytes + PieceBytes - 1) / PieceBytes)), PieceTime, ref job);
        return sum;
    }
}

/// <summary>Adds the terms of pieces [begin, end) to a sum that all threads share.</summary>
internal unsafe struct ChecksumJob<TLanes, TVector> : IParallelJob
    where TLanes : unmanaged, IChecksumLanes<TVector>
    where TVector : struct
{
    public ulong* Words;
    public long Count;
    public int PieceWords;
    public ulong* Sum;

    public readonly void Execute(int begin, int end, int worker)
    {
        var first = (long)begin * PieceWords;
        var word = Words + first;
        var last = Words + Math.Min((long)end * PieceWords, Count);
        var key = MemoryChecksum.KeyOf(first);
        var keys = TLanes.Keys(key);
        var step = TLanes.Broadcast((ulong)TLanes.Count * MemoryChecksum.Step);
        var doubleStep = TLanes.Add(step, step);

        // Two sums: the terms of one vector need not wait for those of the other.
        TVector even = default, odd = default;
        for (; last - word >= 2 * TLanes.Count; word += 2 * TLanes.Count)
        {
            even = TLanes.Add(even, TLanes.Terms(word, keys));
            odd = TLanes.Add(odd, TLanes.Terms(word + TLanes.Count, TLanes.Add(keys, step)));
            keys = TLanes.Add(keys, doubleStep);
        }

        var rest = MemoryChecksum.Of(new ReadOnlySpan<byte>(word, (int)((byte*)last - (byte*)word)), word - Words);
        Interlocked.Add(ref *Sum, TLanes.Sum(TLanes.Add(even, odd)) + rest);
    }
}
