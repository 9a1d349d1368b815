using System.Runtime.InteropServices;

namespace NvStream.Compute;

/// <summary>
/// A sum over the 64-bit words of a piece of memory that sees wrong bytes and words in the wrong place, can be taken in
/// any order, and costs a processor or a card no more than reading does. No defence against anyone who means harm.
/// </summary>
public static class MemoryChecksum
{
    /// <summary>From one word's key to the next one's.</summary>
    internal const ulong Step = 0x9E3779B97F4A7C15;

    /// <summary>The first word's key.</summary>
    internal const ulong Salt = 0xD6E8FEB86659FD93;

    /// <summary>The key of the word in this place.</summary>
    internal static ulong KeyOf(long word) => Salt + ((ulong)word * Step);

    /// <summary>Sum over i of word + low(v) * high(v), where v = word XOR (Salt + i * Step); all modulo 2^64.</summary>
    /// <param name="memory">A multiple of 8 bytes.</param>
    /// <param name="firstWord">Place of the first word: the parts' sums add up to that of the whole.</param>
    public static ulong Of(ReadOnlySpan<byte> memory, long firstWord = 0)
    {
        var key = KeyOf(firstWord);
        var sum = 0UL;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(memory))
        {
            var v = word ^ key;
            sum += word + (v & uint.MaxValue) * (v >> 32);
            key += Step;
        }

        return sum;
    }
}
