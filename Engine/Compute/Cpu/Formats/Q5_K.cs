using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 256 weights of 5 bits in groups of 32, weight = d * scale * quant - dmin * min. ggml-common.h, block_q5_K:
/// <code>
///  0  float16 d, dmin
///  4  byte scales[12]   6 bits for each group's scale and min: <see cref="ScaledGroups"/>
/// 16  byte qh[32]       bit j of byte i: bit 4 of element 32 j + i
/// 48  byte qs[128]      32 bytes hold 64 elements: low nibbles the first 32, high nibbles the next
/// </code>
/// </summary>
internal readonly unsafe struct Q5_K : IWeightBlock, ISuperBlock
{
    public static TensorType Type => TensorType.Q5_K;

    public static int Bytes => 176;

    public static int LargestQuant => 31;

    public static bool IsSigned => false;

    public static int GroupElements => 32;

    public static MinimumKind Minimum => MinimumKind.Scaled;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block);
        var dmin = Float16.ToSingle(block + 2);
        for (var i = 0; i < 256; i++)
        {
            var (scale, min) = ScaledGroups.Unpack(block + 4, i / 32);
            var low = block[48 + i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;
            var high = block[16 + i % 32] >> (i / 32) & 1;
            values[i] = d * scale * (low | high << 4) - dmin * min;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* block, int part)
        where TDot : struct, IDotInstructions
    {
        var low = Bits.ShiftRight(Vector256.Load(block + 48 + part / 2 * 32), part % 2 * 4) & Vector256.Create((byte)15);
        var high = Bits.Shift(Vector256.Load(block + 16), 4 - part) & Vector256.Create((byte)16);
        return low | high;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SuperBlockScales Scales(byte* block) => ScaledGroups.Unpack(block);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales FloatScales(byte** rows) => RowScales.Pair(rows, 0);
}
