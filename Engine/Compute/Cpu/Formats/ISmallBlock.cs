using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>A block of 32 weights: weight = scale * quant + minimum. Eight of them make a group.</summary>
internal unsafe interface ISmallBlock
{
    /// <summary>Whether quants run over -128..127; otherwise over 0..127, which multiplies faster.</summary>
    static abstract bool IsSigned { get; }

    /// <summary>Whether a minimum is ever other than zero.</summary>
    static abstract bool HasMinimum { get; }

    /// <summary>The quants of a group's block.</summary>
    /// <param name="index">0..7; a constant at every call, so that what depends on it is folded.</param>
    static abstract Vector256<byte> Quants<TDot>(byte* group, int index)
        where TDot : struct, IDotInstructions;

    static abstract SmallBlockScales Scales(byte* group);
}

/// <summary>The scales and minima of a group's eight blocks.</summary>
internal struct SmallBlockScales
{
    public Vector256<float> Scales;

    public Vector256<float> Minima;
}
