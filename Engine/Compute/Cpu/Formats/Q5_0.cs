using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 32 weights of 5 bits, weight = d * (quant - 16). ggml-common.h, block_q5_0:
/// <code>
/// 0  float16 d
/// 2  uint qh       bit i: bit 4 of element i
/// 6  byte qs[16]   low nibbles: elements 0..15, high nibbles: 16..31
/// </code>
/// </summary>
internal readonly unsafe struct Q5_0 : IWeightBlock, ISmallBlock
{
    public static TensorType Type => TensorType.Q5_0;

    public static int Bytes => 22;

    public static int LargestQuant => 31;

    public static bool IsSigned => false;

    public static MinimumKind Minimum => MinimumKind.Offset;

    public static int Offset => 16;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block);
        var high = *(uint*)(block + 2);
        for (var i = 0; i < 16; i++)
        {
            values[i] = d * ((block[6 + i] & 15 | (int)(high >> i & 1) << 4) - 16);
            values[16 + i] = d * ((block[6 + i] >> 4 | (int)(high >> (i + 16) & 1) << 4) - 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* group, int index)
        where TDot : struct, IDotInstructions
    {
        var block = group + index * Bytes;
        var high = Bits.Spread<TDot>(*(uint*)(block + 2)) & Vector256.Create((byte)16);
        return Bits.Nibbles(block + 6) | high;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales FloatScales(byte** rows, int index) => RowScales.One(rows, index * Bytes);
}
