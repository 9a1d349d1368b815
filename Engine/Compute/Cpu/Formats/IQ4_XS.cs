using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 256 weights of 4 bits in groups of 32, weight = d * (scale - 32) * table[quant], the table that of IQ4_NL.
/// ggml-common.h, block_iq4_xs:
/// <code>
/// 0  float16 d
/// 2  ushort scales_h    bit pair j: bits 4..5 of group j's scale
/// 4  byte scales_l[4]   nibble j: bits 0..3 of group j's scale
/// 8  byte qs[128]       16 bytes hold a group: low nibbles its elements 0..15, high nibbles 16..31
/// </code>
/// </summary>
internal readonly unsafe struct IQ4_XS : IWeightBlock, ISuperBlock
{
    public static TensorType Type => TensorType.IQ4_XS;

    public static int Bytes => 136;

    public static int LargestQuant => 127;

    public static bool IsSigned => true;

    public static int GroupElements => 32;

    public static MinimumKind Minimum => MinimumKind.None;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block);
        for (var i = 0; i < 256; i++)
        {
            var group = i / 32;
            var low = block[4 + group / 2] >> (group % 2 * 4) & 15;
            var high = *(ushort*)(block + 2) >> (group * 2) & 3;
            var quant = block[8 + group * 16 + i % 16] >> (i % 32 / 16 * 4) & 15;
            values[i] = d * ((low | high << 4) - 32) * IQ4_NL.Values[quant];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* block, int part)
        where TDot : struct, IDotInstructions =>
        TDot.Shuffle(IQ4_NL.Table, Bits.Nibbles(block + 8 + part * 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SuperBlockScales Scales(byte* block)
    {
        // The multiplications bring each group's bit pair to the top of its lane.
        var high = Vector128.Create(*(ushort*)(block + 2))
            * Vector128.Create((ushort)0x4000, 0x1000, 0x400, 0x100, 0x40, 0x10, 4, 1);
        var low = Bits.NibblesInOrder(*(uint*)(block + 4));
        var scales = (low | high >> 10 & Vector128.Create((ushort)0x30)).AsInt16() - Vector128.Create((short)32);
        return new() { Scales = Vector256.Create(scales, scales) };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales FloatScales(byte** rows) => RowScales.One(rows, 0);
}
