using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// A block of 256 weights in 16 groups of 16:
/// weight = Scale * scales[group] * quant + (Scale or MinimumScale) * minima[group].
/// </summary>
internal unsafe interface ISuperBlock
{
    /// <summary>Whether quants run over -128..127; otherwise over 0..127, which multiplies faster.</summary>
    static abstract bool IsSigned { get; }

    static abstract MinimumKind Minimum { get; }

    /// <summary>The 32 quants of groups 2 * part and 2 * part + 1.</summary>
    /// <param name="part">0..7; a constant at every call, so that what depends on it is folded.</param>
    static abstract Vector256<byte> Quants<TDot>(byte* block, int part)
        where TDot : struct, IDotInstructions;

    static abstract SuperBlockScales Scales(byte* block);
}

/// <summary>How a super-block's minima enter its product.</summary>
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

    public float Scale;

    public float MinimumScale;
}
