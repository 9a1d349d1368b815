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
internal readonly unsafe struct IQ3_XXS : ISuperBlock
{
    public static TensorType Type => TensorType.IQ3_XXS;

    public static bool IsSigned => true;

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
    public static void Decode<TDot>(byte* block, DecodedSuperBlock* decoded)
        where TDot : struct, IDotInstructions
    {
        var signsAndScales = Vector256.Load((uint*)(block + 66));
        var signs = stackalloc uint[8];
        EvenSigns(signsAndScales).Store(signs);
        ref var grid = ref MemoryMarshal.GetReference(Iq3Grids.Xxs);
        for (var i = 0; i < 8; i++)
        {
            var indices = block + 2 + i * 8;
            var magnitudes = Vector256.Create(
                Unsafe.Add(ref grid, indices[0]), Unsafe.Add(ref grid, indices[1]),
                Unsafe.Add(ref grid, indices[2]), Unsafe.Add(ref grid, indices[3]),
                Unsafe.Add(ref grid, indices[4]), Unsafe.Add(ref grid, indices[5]),
                Unsafe.Add(ref grid, indices[6]), Unsafe.Add(ref grid, indices[7])).AsByte();
            Bits.Negate(magnitudes, Bits.Spread<TDot>(signs[i])).Store((byte*)decoded->Quants + i * 32);
        }

        var nibbles = signsAndScales >> 28;
        var scales = (Vector128.Narrow(nibbles.GetLower(), nibbles.GetUpper()) << 1 | Vector128<ushort>.One).AsInt16();
        DecodedSuperBlock.SpreadScales<TDot>(decoded, Vector256.Create(scales, scales));
        decoded->Scale = Float16.OneToSingle(block) * 0.25f;
    }

    // Spreads the four sevens of bits over four bytes, and adds the parity of each as its eighth bit: after the three
    // foldings bit 0 of a byte is the parity of the byte; what shifts in from the next byte stays above bit 3.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<uint> EvenSigns(Vector256<uint> sevens)
    {
        var signs = sevens & Vector256.Create(0x7Fu)
            | sevens << 1 & Vector256.Create(0x7F00u)
            | sevens << 2 & Vector256.Create(0x7F0000u)
            | sevens << 3 & Vector256.Create(0x7F000000u);
        var parity = signs ^ signs >> 4;
        parity ^= parity >> 2;
        parity ^= parity >> 1;
        return signs | (parity & Vector256.Create(0x01010101u)) << 7;
    }
}
