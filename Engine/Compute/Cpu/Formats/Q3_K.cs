using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 256 weights of 3 bits in groups of 16, weight = d * (scale - 32) * (quant - 4). ggml-common.h, block_q3_K:
/// <code>
///   0  byte hmask[32]    bit j of byte i: bit 2 of element 32 j + i
///  32  byte qs[64]       32 bytes hold 128 elements: bits 0..1 the first 32, bits 2..3 the next, ...
///  96  byte scales[12]   6 bits a group: nibbles of bytes 0..7 low (groups 0..7, then 8..15),
///                        bit pairs of bytes 8..11 high (pair 0: groups 0..3, pair 1: 4..7, ...)
/// 108  float16 d
/// </code>
/// </summary>
internal readonly unsafe struct Q3_K : IWeightBlock, ISuperBlock
{
    public static TensorType Type => TensorType.Q3_K;

    public static int Bytes => 110;

    public static int LargestQuant => 7;

    public static bool IsSigned => false;

    public static int GroupElements => 16;

    public static MinimumKind Minimum => MinimumKind.Offset;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block + 108);
        for (var i = 0; i < 256; i++)
        {
            var low = block[32 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
            var high = block[i % 32] >> (i / 32) & 1;
            values[i] = d * (Scale(block + 96, i / 16) - 32) * ((low | high << 2) - 4);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* block, int part)
        where TDot : struct, IDotInstructions
    {
        var low = Bits.ShiftRight(Vector256.Load(block + 32 + part / 4 * 32), part % 4 * 2) & Vector256.Create((byte)3);
        var high = Bits.Shift(Vector256.Load(block), 2 - part) & Vector256.Create((byte)4);
        return low | high;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SuperBlockScales Scales(byte* block)
    {
        var nibbles = *(ulong*)(block + 96);
        var last = *(uint*)(block + 104);
        var pairs = last | (ulong)(last >> 2) << 32;
        var bytes = Vector128.Create(
            nibbles & 0x0F0F0F0F0F0F0F0F | (pairs & 0x0303030303030303) << 4,
            nibbles >> 4 & 0x0F0F0F0F0F0F0F0F | (pairs >> 4 & 0x0303030303030303) << 4).AsSByte();
        var scales = Bits.EvenThenOdd(bytes - Vector128.Create((sbyte)32));
        return new() { Scales = scales, Minima = -(scales << 2) };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales FloatScales(byte** rows) => RowScales.One(rows, 108);

    static int Scale(byte* scales, int group) =>
        scales[group % 8] >> (group / 8 * 4) & 15 | (scales[8 + group % 4] >> (group / 4 * 2) & 3) << 4;
}
