using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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
    const int Magnitude = 0x7FFF;
    const int SmallestNormal = 0x0400;
    const int ExponentRaise = 224 << 23;
    const int Half = 126 << 23;
    const float ExponentFall = 1.92592994438723585305597794258492732e-34f;

    /// <summary>Scalar, for the references.</summary>
    public static float ToSingle(byte* bits) => (float)BitConverter.UInt16BitsToHalf(*(ushort*)bits);

    /// <summary>Eight values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToSingle(Vector128<short> bits) =>
        ToSingle(Vector256.WidenLower(bits.ToVector256Unsafe()));

    /// <summary>Eight values in memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(short* bits) => Avx2.IsSupported
        ? ToSingle(Avx2.ConvertToVector256Int32(bits))
        : ToSingle(Vector128.Load(bits));

    /// <summary>Sixteen values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToSingle(Vector256<short> bits) =>
        ToSingle(Vector512.WidenLower(bits.ToVector512Unsafe()));

    /// <summary>Eight values, each sign-extended to a lane of 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToSingle(Vector256<int> bits)
    {
        var magnitude = bits & Vector256.Create(Magnitude);
        var normal = ((magnitude << 13) + Vector256.Create(ExponentRaise)).AsSingle() * Vector256.Create(ExponentFall);
        var subnormal = (magnitude | Vector256.Create(Half)).AsSingle() - Vector256.Create(0.5f);
        var isSubnormal = Vector256.LessThan(magnitude, Vector256.Create(SmallestNormal)).AsSingle();
        var sign = bits & Vector256.Create(int.MinValue);
        return Vector256.ConditionalSelect(isSubnormal, subnormal, normal) | sign.AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<float> ToSingle(Vector512<int> bits)
    {
        var magnitude = bits & Vector512.Create(Magnitude);
        var normal = ((magnitude << 13) + Vector512.Create(ExponentRaise)).AsSingle() * Vector512.Create(ExponentFall);
        var subnormal = (magnitude | Vector512.Create(Half)).AsSingle() - Vector512.Create(0.5f);
        var isSubnormal = Vector512.LessThan(magnitude, Vector512.Create(SmallestNormal)).AsSingle();
        var sign = bits & Vector512.Create(int.MinValue);
        return Vector512.ConditionalSelect(isSubnormal, subnormal, normal) | sign.AsSingle();
    }
}
