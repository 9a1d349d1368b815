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

    /// <summary>Where the float16 scale is; where minima have one of their own, it lies behind it.</summary>
    static abstract int ScaleAt { get; }

    /// <summary>What the scale is multiplied by.</summary>
    static virtual float ScaleFactor => 1;

    static abstract MinimumKind Minimum { get; }

    /// <summary>Whether a block begins as <see cref="ScaledGroups"/> has it.</summary>
    static virtual bool HasScaledGroups => false;

    /// <summary>Whether there is <see cref="PackQuants"/>.</summary>
    static virtual bool HasPackedQuants => false;

    /// <summary>
    /// A quicker way to a panel's quants than by way of <see cref="Quants"/>: interleaved before they are unpacked. Needs AVX2.
    /// </summary>
    /// <param name="rows">The blocks of eight rows.</param>
    /// <param name="vectorBytes">Bytes from a step of four quants of each row to the next.</param>
    static virtual void PackQuants(byte** rows, byte* panel, int vectorBytes) => throw new NotSupportedException();

    /// <summary>The 32 quants of groups 2 * part and 2 * part + 1.</summary>
    /// <param name="part">0..7; a constant at every call, so that what depends on it is folded.</param>
    static abstract Vector256<byte> Quants<TDot>(byte* block, int part)
        where TDot : struct, IDotInstructions;

    static abstract SuperBlockScales Scales(byte* block);
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
