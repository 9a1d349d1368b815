using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 32 weights of 5 bits, weight = d * quant + m. ggml-common.h, block_q5_1:
/// <code>
/// 0  float16 d, m
/// 4  uint qh       bit i: bit 4 of element i
/// 8  byte qs[16]   low nibbles: elements 0..15, high nibbles: 16..31
/// </code>
/// </summary>
internal readonly unsafe struct Q5_1 : IWeightBlock, ISmallBlock
{
    public static TensorType Type => TensorType.Q5_1;

    public static int Bytes => 24;

    public static int LargestQuant => 31;

    public static bool IsSigned => false;

    public static MinimumKind Minimum => MinimumKind.Scaled;

    public static int Offset => 0;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block);
        var m = Float16.ToSingle(block + 2);
        var high = *(uint*)(block + 4);
        for (var i = 0; i < 16; i++)
        {
            values[i] = d * (block[8 + i] & 15 | (int)(high >> i & 1) << 4) + m;
            values[16 + i] = d * (block[8 + i] >> 4 | (int)(high >> (i + 16) & 1) << 4) + m;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* group, int index)
        where TDot : struct, IDotInstructions
    {
        var block = group + index * Bytes;
        var high = Bits.Spread<TDot>(*(uint*)(block + 4)) & Vector256.Create((byte)16);
        return Bits.Nibbles(block + 8) | high;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales FloatScales(byte** rows, int index) => RowScales.Pair(rows, index * Bytes);
}
