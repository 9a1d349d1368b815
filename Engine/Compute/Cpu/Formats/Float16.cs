using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>float16 to float32, exactly: .NET has no intrinsic for the instructions that do it.</summary>
/// <remarks>
/// With m the 15 bits of the magnitude: a normal number's bits shifted to float32's place and raised by 224 in the
/// exponent, times 2^-112, are its value, and an exponent of 31 becomes 255, so infinities and NaNs stay what they are.
/// A subnormal is m * 2^-24 = (0.5 with m in its last bits) - 0.5. No step meets a subnormal float32, which would be slow.
/// Scalar equivalent: <c>(float)BitConverter.UInt16BitsToHalf(bits)</c>.
/// </remarks>
internal static unsafe class Float16
{
    const uint Magnitude = 0x7FFF;
    const uint SmallestNormal = 0x0400;
    const uint ExponentRaise = 224u << 23;
    const uint Half = 126u << 23;
    const float ExponentFall = 1.92592994438723585305597794258492732e-34f;

    /// <summary>Scalar, for the references.</summary>
    public static float ToSingle(byte* bits) => (float)BitConverter.UInt16BitsToHalf(*(ushort*)bits);

    /// <summary>Lane i is bits[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToSingle(Vector128<ushort> bits)
    {
        var wide = Vector256.WidenLower(bits.ToVector256Unsafe());
        var magnitude = wide & Vector256.Create(Magnitude);
        var normal = ((magnitude << 13) + Vector256.Create(ExponentRaise)).AsSingle() * Vector256.Create(ExponentFall);
        var subnormal = (magnitude | Vector256.Create(Half)).AsSingle() - Vector256.Create(0.5f);
        var isSubnormal = Vector256.LessThan(magnitude.AsInt32(), Vector256.Create((int)SmallestNormal)).AsSingle();
        var sign = (wide ^ magnitude) << 16;
        return Vector256.ConditionalSelect(isSubnormal, subnormal, normal) | sign.AsSingle();
    }

    /// <summary>The same, sixteen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToSingle(Vector256<ushort> bits)
    {
        var wide = Vector512.WidenLower(bits.ToVector512Unsafe());
        var magnitude = wide & Vector512.Create(Magnitude);
        var normal = ((magnitude << 13) + Vector512.Create(ExponentRaise)).AsSingle() * Vector512.Create(ExponentFall);
        var subnormal = (magnitude | Vector512.Create(Half)).AsSingle() - Vector512.Create(0.5f);
        var isSubnormal = Vector512.LessThan(magnitude.AsInt32(), Vector512.Create((int)SmallestNormal)).AsSingle();
        var sign = (wide ^ magnitude) << 16;
        return Vector512.ConditionalSelect(isSubnormal, subnormal, normal) | sign.AsSingle();
    }

    /// <summary>Two neighbouring values, in lanes 0 and 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> PairToSingle(byte* bits) =>
        ToSingle(Vector128.WidenLower(Vector128.CreateScalar(*(uint*)bits).AsUInt16()));

    /// <summary>One value, with no branch on it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float OneToSingle(byte* bits) => ToSingle(Vector128.CreateScalar((uint)*(ushort*)bits)).ToScalar();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<float> ToSingle(Vector128<uint> wide)
    {
        var magnitude = wide & Vector128.Create(Magnitude);
        var normal = ((magnitude << 13) + Vector128.Create(ExponentRaise)).AsSingle() * Vector128.Create(ExponentFall);
        var subnormal = (magnitude | Vector128.Create(Half)).AsSingle() - Vector128.Create(0.5f);
        var isSubnormal = Vector128.LessThan(magnitude.AsInt32(), Vector128.Create((int)SmallestNormal)).AsSingle();
        var sign = (wide ^ magnitude) << 16;
        return Vector128.ConditionalSelect(isSubnormal, subnormal, normal) | sign.AsSingle();
    }
}
