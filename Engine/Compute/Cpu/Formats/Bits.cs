using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>Unpacking steps that several formats share.</summary>
internal static unsafe class Bits
{
    /// <summary>32 nibbles of 16 bytes: the low ones in the lower half, the high ones in the upper half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Nibbles(byte* packed)
    {
        if (Avx2.IsSupported)
        {
            var twice = Avx2.BroadcastVector128ToVector256(packed).AsUInt64();
            var shifted = Avx2.ShiftRightLogicalVariable(twice, Vector256.Create(0UL, 0, 4, 4));
            return shifted.AsByte() & Vector256.Create((byte)15);
        }

        var bytes = Vector128.Load(packed);
        return Vector256.Create(bytes, ShiftRight(bytes, 4)) & Vector256.Create((byte)15);
    }

    /// <summary>The low and the high nibbles of 16 bytes and of 16 others, in the lower and the upper halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void NibbleHalves(byte* first, byte* second, out Vector256<byte> low, out Vector256<byte> high)
    {
        var packed = Vector256.Create(Vector128.Load(first), Vector128.Load(second));
        low = packed & Vector256.Create((byte)15);
        high = ShiftRight(packed, 4) & Vector256.Create((byte)15);
    }

    /// <summary>Byte i of a half is 255 where bit i of its own 16 bits is set, else 0; needs AVX2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SpreadHalves(uint first, uint second)
    {
        var byteOf = Vector256.Create(0x0000000000000000UL, 0x0101010101010101UL, 0x0000000000000000UL, 0x0101010101010101UL);
        var bitOf = Vector256.Create(0x8040201008040201UL).AsByte();
        var words = Vector256.Create(Vector128.CreateScalar(first), Vector128.CreateScalar(second)).AsByte();
        return Vector256.Equals(Avx2.Shuffle(words, byteOf.AsByte()) & bitOf, bitOf);
    }

    /// <summary>The eight nibbles of four bytes, in order, a lane each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ushort> NibblesInOrder(uint packed)
    {
        var low = Vector128.WidenLower(Vector128.CreateScalar(packed & 0x0F0F0F0F).AsByte());
        var high = Vector128.WidenLower(Vector128.CreateScalar(packed >> 4 & 0x0F0F0F0F).AsByte());
        return Vector128.WidenLower((low | high << 8).AsByte());
    }

    /// <summary>Byte i is 255 where bit i is set, else 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Spread<TDot>(uint bits)
        where TDot : struct, IDotInstructions
    {
        var byteOf = Vector256.Create(0x0000000000000000UL, 0x0101010101010101UL, 0x0202020202020202UL, 0x0303030303030303UL);
        var bitOf = Vector256.Create(0x8040201008040201UL).AsByte();
        var bytes = TDot.Shuffle(Vector256.Create(bits).AsByte(), byteOf.AsByte());
        return Vector256.Equals(bytes & bitOf, bitOf);
    }

    /// <summary>Changes the sign of the bytes whose mask is 255.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Negate(Vector256<byte> magnitudes, Vector256<byte> mask) => (magnitudes ^ mask) - mask;

    /// <summary>Sixteen bytes as shorts: those at even places in the lower half, at odd places in the upper.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> EvenThenOdd(Vector128<sbyte> bytes)
    {
        var pairs = bytes.AsInt16();
        return Vector256.Create(pairs << 8 >> 8, pairs >> 8);
    }

    /// <summary>Shifts across the bytes of each pair: callers mask what comes from the neighbour.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> ShiftRight(Vector256<byte> bytes, int count) =>
        count == 0 ? bytes : (bytes.AsUInt16() >> count).AsByte();

    /// <summary>As <see cref="ShiftRight(Vector256{byte}, int)"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> ShiftRight(Vector128<byte> bytes, int count) => (bytes.AsUInt16() >> count).AsByte();

    /// <summary>As <see cref="ShiftRight(Vector256{byte}, int)"/>, to the left, or to the right where negative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Shift(Vector256<byte> bytes, int left) =>
        left > 0 ? (bytes.AsUInt16() << left).AsByte() : ShiftRight(bytes, -left);
}
