using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 256 weights of 4 bits in groups of 32, weight = d * scale * quant - dmin * min. ggml-common.h, block_q4_K:
/// <code>
///  0  float16 d, dmin
///  4  byte scales[12]   6 bits for each group's scale and min: <see cref="ScaledGroups"/>
/// 16  byte qs[128]      32 bytes hold 64 elements: low nibbles the first 32, high nibbles the next
/// </code>
/// </summary>
internal readonly unsafe struct Q4_K : IWeightBlock, ISuperBlock
{
    public static TensorType Type => TensorType.Q4_K;

    public static int Bytes => 144;

    public static int LargestQuant => 15;

    public static bool IsSigned => false;

    public static int GroupElements => 32;

    public static int ScaleAt => 0;

    public static MinimumKind Minimum => MinimumKind.Scaled;

    public static bool HasScaledGroups => true;

    public static bool HasPackedQuants => true;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block);
        var dmin = Float16.ToSingle(block + 2);
        for (var i = 0; i < 256; i++)
        {
            var (scale, min) = ScaledGroups.Unpack(block + 4, i / 32);
            var quant = block[16 + i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;
            values[i] = d * scale * quant - dmin * min;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* block, int part)
        where TDot : struct, IDotInstructions => Bits.ShiftRight(
        Vector256.Load(block + 16 + part / 2 * 32), part % 2 * 4) & Vector256.Create((byte)15);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SuperBlockScales Scales(byte* block) => ScaledGroups.Unpack(block);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackQuants(byte** rows, byte* panel, int vectorBytes)
    {
        // A group is eight steps.
        for (var at = 16; at < Bytes; at += 32)
        {
            var high = panel + 8 * vectorBytes;
            Panel.PackNibbles(rows, at, panel, high, vectorBytes);
            Panel.PackNibbles(rows, at + 16, panel + 4 * vectorBytes, high + 4 * vectorBytes, vectorBytes);
            panel += 16 * vectorBytes;
        }
    }
}
