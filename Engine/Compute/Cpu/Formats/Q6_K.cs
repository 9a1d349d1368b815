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

    public static bool HasPackedQuants => true;

    public static int ScaleAt => 208;

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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackQuants(byte** rows, byte* panel, int vectorBytes)
    {
        for (var half = 0; half < 2; half++)
        {
            for (var sixteen = 0; sixteen < 2; sixteen++)
            {
                var at = half * 64 + sixteen * 16;
                Panel.Interleave(rows, at, out var a0, out var a1, out var a2, out var a3);
                Panel.Interleave(rows, at + 32, out var b0, out var b1, out var b2, out var b3);
                Panel.Interleave(rows, 128 + half * 32 + sixteen * 16, out var h0, out var h1, out var h2, out var h3);
                var step = panel + (half * 32 + sixteen * 4) * vectorBytes;
                PackStep(a0, b0, h0, step, vectorBytes);
                PackStep(a1, b1, h1, step + vectorBytes, vectorBytes);
                PackStep(a2, b2, h2, step + 2 * vectorBytes, vectorBytes);
                PackStep(a3, b3, h3, step + 3 * vectorBytes, vectorBytes);
            }
        }
    }

    /// <summary>One step of each of 128 elements' four parts, which are eight steps long.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void PackStep(Vector256<byte> first, Vector256<byte> second, Vector256<byte> high, byte* step, int vectorBytes)
    {
        var low = Vector256.Create((byte)15);
        var top = Vector256.Create((byte)0x30);
        (first & low | Bits.Shift(high, 4) & top).Store(step);
        (second & low | Bits.Shift(high, 2) & top).Store(step + 8 * vectorBytes);
        (Bits.ShiftRight(first, 4) & low | high & top).Store(step + 16 * vectorBytes);
        (Bits.ShiftRight(second, 4) & low | Bits.ShiftRight(high, 2) & top).Store(step + 24 * vectorBytes);
    }
}
