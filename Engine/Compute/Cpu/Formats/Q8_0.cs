using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 32 weights of 8 bits, weight = d * quant. ggml-common.h, block_q8_0:
/// <code>
/// 0  float16 d
/// 2  sbyte qs[32]
/// </code>
/// </summary>
internal readonly unsafe struct Q8_0 : IWeightBlock, ISmallBlock
{
    public static TensorType Type => TensorType.Q8_0;

    public static int Bytes => 34;

    public static int LargestQuant => 127;

    public static bool IsSigned => true;

    public static bool HasPackedQuants => true;

    public static MinimumKind Minimum => MinimumKind.None;

    public static int Offset => 0;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block);
        for (var i = 0; i < 32; i++)
        {
            values[i] = d * (sbyte)block[2 + i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* group, int index)
        where TDot : struct, IDotInstructions =>
        Vector256.Load(group + index * Bytes + 2);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackQuants(byte** rows, byte* panel, int vectorBytes)
    {
        for (var block = 0; block < 8; block++)
        {
            for (var at = block * Bytes + 2; at < (block + 1) * Bytes; at += 16, panel += 8 * vectorBytes)
            {
                Panel.Interleave(rows, at, out var p0, out var p1, out var p2, out var p3);
                Panel.StorePlanes(p0, panel, vectorBytes);
                Panel.StorePlanes(p1, panel + 2 * vectorBytes, vectorBytes);
                Panel.StorePlanes(p2, panel + 4 * vectorBytes, vectorBytes);
                Panel.StorePlanes(p3, panel + 6 * vectorBytes, vectorBytes);
            }
        }
    }
}
