namespace NvStream.Compute.Cpu;

/// <summary>
/// Bit patterns for converting between float32 and float16 with integer vectors (.NET exposes no F16C).
/// float16: 1 sign, 5 exponent (bias 15), 10 mantissa bits; float32: 1, 8 (bias 127), 23.
/// </summary>
internal static class HalfBits
{
    public const int SignMask = 0x8000;
    public const int MagnitudeMask = 0x7fff;

    /// <summary>Mantissa bits that float32 has more.</summary>
    public const int Shift = 23 - 10;

    /// <summary>What the exponents' biases differ by, in place.</summary>
    public const int Rebias = (127 - 15) << 23;

    /// <summary>Sign and magnitude of a sign-extended half, shifted: the extension's other copies of the sign masked off.</summary>
    public const int ShiftedMask = unchecked((int)0x8fffe000);

    /// <summary>What the exponents' biases differ by, as a factor: subnormals come out right, infinity and NaN do not.</summary>
    public const float RebiasFactor = 5.192296858534828e33f; // 2^112

    /// <summary>A shifted magnitude from here on is infinity or NaN.</summary>
    public const int ShiftedInfinity = 0x7c00 << Shift;

    /// <summary>A shifted magnitude below this is zero or subnormal.</summary>
    public const int ShiftedNormal = 1 << 23;

    /// <summary>2^-14: with it as exponent, a subnormal's mantissa counts from the right place once 2^-14 is subtracted.</summary>
    public const int SmallestNormal = (127 - 14) << 23;

    /// <summary>0.5: adding it to a magnitude under 2^-14 leaves the subnormal's bits, correctly rounded, in the last places.</summary>
    public const int SubnormalRounder = 126 << 23;

    /// <summary>float32 magnitudes from 2^16 on are infinity or NaN in float16 (65520 up round to it by themselves).</summary>
    public const int Overflow = (127 + 16) << 23;

    public const int SingleInfinity = 255 << 23;

    public const int HalfInfinity = 0x7c00;

    /// <summary>Float16's quiet NaN bit with the infinite exponent.</summary>
    public const int HalfNaN = 0x7e00;

    /// <summary>One less than half of the last float16 place: with the place's own last bit added, ties go to even.</summary>
    public const int AlmostHalfPlace = (1 << (Shift - 1)) - 1;
}
