using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 32 weights of 4 bits, weight = d * quant + m. ggml-common.h, block_q4_1:
/// <code>
/// 0  float16 d, m
/// 4  byte qs[16]   low nibbles: elements 0..15, high nibbles: 16..31
/// </code>
/// </summary>
internal readonly unsafe struct Q4_1 : IWeightBlock, ISmallBlock
{
    public static TensorType Type => TensorType.Q4_1;

    public static int Bytes => 20;

    public static int LargestQuant => 15;

    public static bool IsSigned => false;

    public static bool HasHalves => true;

    public static bool HasPackedQuants => true;

    public static MinimumKind Minimum => MinimumKind.Scaled;

    public static int Offset => 0;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block);
        var m = Float16.ToSingle(block + 2);
        for (var i = 0; i < 16; i++)
        {
            values[i] = d * (block[4 + i] & 15) + m;
            values[16 + i] = d * (block[4 + i] >> 4) + m;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* group, int index)
        where TDot : struct, IDotInstructions =>
        Bits.Nibbles(group + index * Bytes + 4);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Halves(byte* group, int index, out Vector256<byte> low, out Vector256<byte> high)
    {
        var first = group + index * Bytes;
        var second = first + 4 * Bytes;
        Bits.NibbleHalves(first + 4, second + 4, out low, out high);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackQuants(byte** rows, byte* panel, int vectorBytes)
    {
        for (var block = 0; block < 8; block++, panel += 8 * vectorBytes)
        {
            Panel.PackNibbles(rows, block * Bytes + 4, panel, panel + 4 * vectorBytes, vectorBytes);
        }
    }
}
