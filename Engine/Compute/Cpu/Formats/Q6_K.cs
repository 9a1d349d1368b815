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
internal readonly unsafe struct Q6_K : ISuperBlock
{
    public static TensorType Type => TensorType.Q6_K;

    public static bool IsSigned => false;

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
    public static void Decode<TDot>(byte* block, DecodedSuperBlock* decoded)
        where TDot : struct, IDotInstructions
    {
        var fifteen = Vector256.Create((byte)15);
        var pair = Vector256.Create((byte)0x30);
        for (var half = 0; half < 2; half++)
        {
            var first = Vector256.Load(block + half * 64);
            var second = Vector256.Load(block + half * 64 + 32);
            var high = Vector256.Load(block + 128 + half * 32);
            var quants = (byte*)decoded->Quants + half * 128;
            (first & fifteen | Bits.ShiftLeft(high, 4) & pair).Store(quants);
            (second & fifteen | Bits.ShiftLeft(high, 2) & pair).Store(quants + 32);
            (Bits.ShiftRight(first, 4) & fifteen | high & pair).Store(quants + 64);
            (Bits.ShiftRight(second, 4) & fifteen | Bits.ShiftRight(high, 2) & pair).Store(quants + 96);
        }

        var scales = Bits.EvenThenOdd(Vector128.Load((sbyte*)block + 192));
        DecodedSuperBlock.SpreadScales<TDot>(decoded, scales);
        (-(scales << 5)).Store(decoded->Minima);
        decoded->Scale = Float16.OneToSingle(block + 208);
    }
}
