using System.Runtime.InteropServices;

namespace NvStream.Measurement;

/// <summary>
/// Bytes computed from their place in a file and the file's own number: neither compressible nor equal to another
/// file's, so that no drive or file system can save the work of storing them.
/// </summary>
readonly record struct ScratchPattern(ulong Seed)
{
    const ulong Step = 0x9E3779B97F4A7C15;
    const ulong Mix = 0xBF58476D1CE4E5B9;

    /// <summary>Fills memory with the file's bytes from an offset on.</summary>
    /// <param name="offset">A multiple of 8, as the memory's length is.</param>
    public void Fill(Span<byte> memory, long offset)
    {
        var state = Seed + (ulong)(offset / sizeof(ulong)) * Step;
        foreach (ref var word in MemoryMarshal.Cast<byte, ulong>(memory))
        {
            var z = (state ^ (state >> 30)) * Mix;
            word = z ^ (z >> 29);
            state += Step;
        }
    }
}
