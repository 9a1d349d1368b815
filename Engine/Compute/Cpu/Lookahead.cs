using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace NvStream.Compute.Cpu;

/// <summary>
/// Brings the cells that are needed next to the second-level cache while others are computed with: a KV head's cells come
/// in short runs with pauses between them, which the processor's own prefetcher starts anew each time. Never faults.
/// </summary>
/// <param name="cells">The first of the float16 elements to come.</param>
/// <param name="count">How many; none where this is not positive.</param>
/// <param name="shares">What they are divided by in <see cref="Take"/>: the queries of the work meanwhile.</param>
internal unsafe struct Lookahead(ushort* cells, int count, int shares)
{
    const int LineBytes = 64;

    readonly int lines = Math.Max(0, count) * sizeof(ushort) / LineBytes;
    byte* next = (byte*)cells;

    /// <summary>The next so many shares.</summary>
    public Part Take(int taken)
    {
        var own = ((lines * taken) + shares - 1) / shares;
        var part = new Part(next, own);
        next += own * LineBytes;
        return part;
    }

    /// <summary>Some lines, to be asked for in steps.</summary>
    internal struct Part(byte* next, int lines)
    {
        byte* next = next;

        /// <summary>Lines a step, when there are so many steps.</summary>
        public readonly int LinesPer(int steps) => (lines + steps - 1) / steps;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Fetch(int count)
        {
            if (Sse.IsSupported)
            {
                for (var line = 0; line < count; line++)
                {
                    Sse.Prefetch1(next);
                    next += LineBytes;
                }
            }
        }
    }
}
