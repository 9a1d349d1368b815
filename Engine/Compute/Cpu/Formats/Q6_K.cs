using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 256 weights of 6 bits in groups of 16, weight = d * scale * (quant - 32). ggml-common.h, block_q6_K:
/// <code>
///   0  byte ql[128]       64 bytes hold the low 4 bits of 128 elements: low nibbles the first 64, high nibbles the next
/// 128  byte qh[64]        32 bytes hold the high 2 bits of 128 elements: bits 0..1 the first 32, bits 2..3 the next, ...
/// 192  sbyte scales[16]
/// 208  float16 d
/// </code>
/// </summary>
internal readonly unsafe struct Q6_K : IWeightBlock, ISuperBlock
{
    public static TensorType Type => TensorType.Q6_K;

    public static int Bytes => 210;

    public static int LargestQuant => 63;

    public static bool IsSigned => false;

    public static int GroupElements => 16;

    public static MinimumKind Minimum => MinimumKind.Offset;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block + 208);
        for (var i = 0; i < 256; i++)
        {
            var low = block[i / 128 * 64 + i % 64] >> (i % 128 / 64 * 4) & 15;
            var high = block[128 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
            values[i] = d * (sbyte)block[192 + i / 16] * ((low | high << 4) - 32);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* block, int part)
        where TDot : struct, IDotInstructions
    {
        var low = Bits.ShiftRight(
            Vector256.Load(block + part / 4 * 64 + part % 2 * 32), part % 4 / 2 * 4) & Vector256.Create((byte)15);
        var high = Bits.Shift(
            Vector256.Load(block + 128 + part / 4 * 32), 4 - part % 4 * 2) & Vector256.Create((byte)0x30);
        return low | high;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SuperBlockScales Scales(byte* block)
    {
        var scales = Bits.EvenThenOdd(Vector128.Load((sbyte*)block + 192));
        return new() { Scales = scales, Minima = -(scales << 5) };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales FloatScales(byte** rows) => RowScales.One(rows, 208);
}
