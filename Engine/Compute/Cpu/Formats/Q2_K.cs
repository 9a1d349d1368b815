using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 256 weights of 2 bits in groups of 16, weight = d * scale * quant - dmin * min. ggml-common.h, block_q2_K:
/// <code>
///  0  byte scales[16]   of each group: scale in the low nibble, min in the high one
/// 16  byte qs[64]       32 bytes hold 128 elements: bits 0..1 the first 32, bits 2..3 the next, ...
/// 80  float16 d, dmin
/// </code>
/// </summary>
internal readonly unsafe struct Q2_K : IWeightBlock, ISuperBlock
{
    public static TensorType Type => TensorType.Q2_K;

    public static int Bytes => 84;

    public static int LargestQuant => 3;

    public static bool IsSigned => false;

    public static int GroupElements => 16;

    public static MinimumKind Minimum => MinimumKind.Scaled;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block + 80);
        var dmin = Float16.ToSingle(block + 82);
        for (var i = 0; i < 256; i++)
        {
            var quant = block[16 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
            var scale = block[i / 16];
            values[i] = d * (scale & 15) * quant - dmin * (scale >> 4);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* block, int part)
        where TDot : struct, IDotInstructions =>
        Bits.ShiftRight(Vector256.Load(block + 16 + part / 4 * 32), part % 4 * 2) & Vector256.Create((byte)3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SuperBlockScales Scales(byte* block)
    {
        var packed = Vector128.Load(block);
        var fifteen = Vector128.Create((byte)15);
        return new()
        {
            Scales = Bits.EvenThenOdd((packed & fifteen).AsSByte()),
            Minima = Bits.EvenThenOdd((Bits.ShiftRight(packed, 4) & fifteen).AsSByte()),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales FloatScales(byte** rows) => RowScales.Pair(rows, 80);
}
