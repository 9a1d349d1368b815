using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// A block of 256 weights in 16 groups of 16:
/// weight = scale * scales[group] * quant + (scale or -minimum) * minima[group].
/// </summary>
internal unsafe interface ISuperBlock
{
    /// <summary>Quants run over 0..LargestQuant, or over -128..127 where signed.</summary>
    static abstract int LargestQuant { get; }

    /// <summary>Whether quants are signed bytes; otherwise they multiply faster.</summary>
    static abstract bool IsSigned { get; }

    /// <summary>16, or 32 where neighbouring groups share scale and minimum.</summary>
    static abstract int GroupElements { get; }

    static abstract MinimumKind Minimum { get; }

    /// <summary>The 32 quants of groups 2 * part and 2 * part + 1.</summary>
    /// <param name="part">0..7; a constant at every call, so that what depends on it is folded.</param>
    static abstract Vector256<byte> Quants<TDot>(byte* block, int part)
        where TDot : struct, IDotInstructions;

    static abstract SuperBlockScales Scales(byte* block);

    /// <summary>The float scales of the blocks of eight rows.</summary>
    static abstract RowScales FloatScales(byte** rows);
}

/// <summary>How a block's minima enter its product.</summary>
internal enum MinimumKind
{
    None,

    /// <summary>A constant offset of every quant: in units of the scale, so exact in integers.</summary>
    Offset,

    /// <summary>With a scale of their own.</summary>
    Scaled,
}

/// <summary>
/// The scales and minima of a super-block's groups: the even groups in the lower half of a vector, the odd ones in the
/// upper, which is the order of the activations' sums.
/// </summary>
internal struct SuperBlockScales
{
    public Vector256<short> Scales;

    public Vector256<short> Minima;
}
