using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 256 weights in groups of 32, weight = d / 4 * (2 * scale + 1) * sign * grid[index], four neighbouring elements an index.
/// ggml-common.h, block_iq3_xxs:
/// <code>
///  0  float16 d
///  2  byte qs[64]    indices
/// 66  uint sas[8]    of each group: bits 0..6 the signs of elements 0..6, bits 7..13 those of 8..14, ...;
///                    the eighth of each octet makes the number of minus signs even; bits 28..31 the scale
/// </code>
/// </summary>
internal readonly unsafe struct IQ3_XXS : IWeightBlock, ISuperBlock
{
    public static TensorType Type => TensorType.IQ3_XXS;

    public static int Bytes => 98;

    public static int LargestQuant => 127;

    public static bool IsSigned => true;

    public static int GroupElements => 32;

    public static MinimumKind Minimum => MinimumKind.None;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block);
        for (var i = 0; i < 256; i++)
        {
            var signsAndScale = *(uint*)(block + 66 + i / 32 * 4);
            var signs = signsAndScale >> (i % 32 / 8 * 7) & 127;
            signs |= (uint)(BitOperations.PopCount(signs) & 1) << 7;
            var magnitude = Iq3Grids.Xxs[block[2 + i / 4]] >> (i % 4 * 8) & 255;
            var weight = d * (0.5f + (signsAndScale >> 28)) * 0.5f * magnitude;
            values[i] = (signs >> (i % 8) & 1) != 0 ? -weight : weight;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* block, int part)
        where TDot : struct, IDotInstructions
    {
        var indices = block + 2 + part * 8;
        ref var grid = ref MemoryMarshal.GetReference(Iq3Grids.Xxs);
        var magnitudes = Vector256.Create(
            Unsafe.Add(ref grid, indices[0]), Unsafe.Add(ref grid, indices[1]),
            Unsafe.Add(ref grid, indices[2]), Unsafe.Add(ref grid, indices[3]),
            Unsafe.Add(ref grid, indices[4]), Unsafe.Add(ref grid, indices[5]),
            Unsafe.Add(ref grid, indices[6]), Unsafe.Add(ref grid, indices[7])).AsByte();
        return Bits.Negate(magnitudes, Bits.Spread<TDot>(EvenSigns(*(uint*)(block + 66 + part * 4))));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SuperBlockScales Scales(byte* block)
    {
        var nibbles = Vector256.Load((uint*)(block + 66)) >> 28;
        var scales = (Vector128.Narrow(nibbles.GetLower(), nibbles.GetUpper()) << 1 | Vector128<ushort>.One).AsInt16();
        return new() { Scales = Vector256.Create(scales, scales) };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales FloatScales(byte** rows) => RowScales.One(rows, 0, 0.25f);

    // Spreads the four sevens of bits over four bytes, and adds the parity of each as its eighth bit: after the three
    // foldings bit 0 of a byte is the parity of the byte; what shifts in from the next byte stays above bit 3.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static uint EvenSigns(uint sevens)
    {
        var signs = sevens & 0x7F | sevens << 1 & 0x7F00 | sevens << 2 & 0x7F0000 | sevens << 3 & 0x7F000000;
        var parity = signs ^ signs >> 4;
        parity ^= parity >> 2;
        parity ^= parity >> 1;
        return signs | (parity & 0x01010101) << 7;
    }
}
