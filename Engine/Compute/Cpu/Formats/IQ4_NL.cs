using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 32 weights of 4 bits, weight = d * table[quant], the table denser around zero. ggml-common.h, block_iq4_nl:
/// <code>
/// 0  float16 d
/// 2  byte qs[16]   low nibbles: elements 0..15, high nibbles: 16..31
/// </code>
/// </summary>
internal readonly unsafe struct IQ4_NL : IWeightBlock, ISmallBlock
{
    /// <summary>The quants' values (ggml-common.h, kvalues_iq4nl), which IQ4_XS shares.</summary>
    public static ReadOnlySpan<sbyte> Values =>
        [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <summary><see cref="Values"/> in both halves, for lookups.</summary>
    public static Vector256<byte> Table
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256.Create(
            -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
            -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113).AsByte();
    }

    public static TensorType Type => TensorType.IQ4_NL;

    public static int Bytes => 18;

    public static int LargestQuant => 127;

    public static bool IsSigned => true;

    public static MinimumKind Minimum => MinimumKind.None;

    public static int Offset => 0;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block);
        for (var i = 0; i < 16; i++)
        {
            values[i] = d * Values[block[2 + i] & 15];
            values[16 + i] = d * Values[block[2 + i] >> 4];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* group, int index)
        where TDot : struct, IDotInstructions =>
        TDot.Shuffle(Table, Bits.Nibbles(group + index * Bytes + 2));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales FloatScales(byte** rows, int index) => RowScales.One(rows, index * Bytes);
}
