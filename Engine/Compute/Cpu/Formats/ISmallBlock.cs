using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// A block of 32 weights: weight = scale * (quant - Offset) + minimum. Eight of them make a group. A block begins with its
/// float16 scale, and its minimum where it has one.
/// </summary>
internal unsafe interface ISmallBlock
{
    /// <summary>Quants run over 0..LargestQuant, or over -128..127 where signed.</summary>
    static abstract int LargestQuant { get; }

    /// <summary>Whether quants are signed bytes; otherwise they multiply faster.</summary>
    static abstract bool IsSigned { get; }

    static abstract MinimumKind Minimum { get; }

    /// <summary>What is subtracted of every quant, where the minimum is an offset.</summary>
    static abstract int Offset { get; }

    /// <summary>Whether there is <see cref="PackQuants"/>.</summary>
    static virtual bool HasPackedQuants => false;

    /// <summary>
    /// A quicker way to a panel's quants than by way of <see cref="Quants"/>: interleaved before they are unpacked. Needs AVX2.
    /// </summary>
    /// <param name="rows">The blocks of eight rows.</param>
    /// <param name="vectorBytes">Bytes from a plane's step of four quants of each row to the next plane's, or step's.</param>
    static virtual void PackQuants(byte** rows, byte* panel, int vectorBytes) => throw new NotSupportedException();

    /// <summary>The quants of a group's block.</summary>
    /// <param name="index">0..7; a constant at every call, so that what depends on it is folded.</param>
    static abstract Vector256<byte> Quants<TDot>(byte* group, int index)
        where TDot : struct, IDotInstructions;

    /// <summary>Whether there is <see cref="Halves"/>: of quants below 32 whose elements 0..15 and 16..31 are nibbles of 16 bytes.</summary>
    static virtual bool HasHalves => false;

    /// <summary>
    /// The quants of blocks <paramref name="index"/> and <paramref name="index"/> + 4, in the lower and the upper half of
    /// vectors: their elements 0..15 and 16..31.
    /// </summary>
    static virtual void Halves(byte* group, int index, out Vector256<byte> low, out Vector256<byte> high) =>
        throw new NotSupportedException();
}
