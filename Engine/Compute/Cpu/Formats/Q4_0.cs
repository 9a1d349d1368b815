using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 32 weights of 4 bits, weight = d * (quant - 8). ggml-common.h, block_q4_0:
/// <code>
/// 0  float16 d
/// 2  byte qs[16]   low nibbles: elements 0..15, high nibbles: 16..31
/// </code>
/// </summary>
internal readonly unsafe struct Q4_0 : IWeightBlock, ISmallBlock
{
    public static TensorType Type => TensorType.Q4_0;

    public static int Bytes => 18;

    public static int LargestQuant => 15;

    public static bool IsSigned => false;

    public static bool HasHalves => true;

    public static bool HasPackedQuants => true;

    public static MinimumKind Minimum => MinimumKind.Offset;

    public static int Offset => 8;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block);
        for (var i = 0; i < 16; i++)
        {
            values[i] = d * ((block[2 + i] & 15) - 8);
            values[16 + i] = d * ((block[2 + i] >> 4) - 8);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* group, int index)
        where TDot : struct, IDotInstructions =>
        Bits.Nibbles(group + index * Bytes + 2);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Halves(byte* group, int index, out Vector256<byte> low, out Vector256<byte> high)
    {
        var first = group + index * Bytes;
        var second = first + 4 * Bytes;
        Bits.NibbleHalves(first + 2, second + 2, out low, out high);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackQuants(byte** rows, byte* panel, int vectorBytes)
    {
        for (var block = 0; block < 8; block++, panel += 8 * vectorBytes)
        {
            Panel.PackNibbles(rows, block * Bytes + 2, panel, panel + 4 * vectorBytes, vectorBytes);
        }
    }
}
