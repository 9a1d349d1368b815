using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>A block of 32 weights: weight = scale * (quant - Offset) + minimum. Eight of them make a group.</summary>
internal unsafe interface ISmallBlock
{
    /// <summary>Quants run over 0..LargestQuant, or over -128..127 where signed.</summary>
    static abstract int LargestQuant { get; }

    /// <summary>Whether quants are signed bytes; otherwise they multiply faster.</summary>
    static abstract bool IsSigned { get; }

    static abstract MinimumKind Minimum { get; }

    /// <summary>What is subtracted of every quant, where the minimum is an offset.</summary>
    static abstract int Offset { get; }

    /// <summary>The quants of a group's block.</summary>
    /// <param name="index">0..7; a constant at every call, so that what depends on it is folded.</param>
    static abstract Vector256<byte> Quants<TDot>(byte* group, int index)
        where TDot : struct, IDotInstructions;

    /// <summary>Of block <paramref name="index"/> of the groups of eight rows.</summary>
    static abstract RowScales FloatScales(byte** rows, int index);
}
