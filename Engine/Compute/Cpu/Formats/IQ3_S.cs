using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// 256 weights in groups of 32, weight = d * (2 * scale + 1) * sign * grid[index], four neighbouring elements an index.
/// ggml-common.h, block_iq3_s:
/// <code>
///   0  float16 d
///   2  byte qs[64]      bits 0..7 of the indices
///  66  byte qh[8]       bit i of byte j: bit 8 of index 8 j + i
///  74  byte signs[32]   bit i of byte j: the sign of element 8 j + i
/// 106  byte scales[4]   nibble j: the scale of group j
/// </code>
/// </summary>
internal readonly unsafe struct IQ3_S : IWeightBlock, ISuperBlock
{
    public static TensorType Type => TensorType.IQ3_S;

    public static int Bytes => 110;

    public static int LargestQuant => 127;

    public static bool IsSigned => true;

    public static int GroupElements => 32;

    public static MinimumKind Minimum => MinimumKind.None;

    public static void Dequantize(byte* block, float* values)
    {
        var d = Float16.ToSingle(block);
        for (var i = 0; i < 256; i++)
        {
            var scale = block[106 + i / 64] >> (i % 64 / 32 * 4) & 15;
            var index = block[2 + i / 4] | (block[66 + i / 32] >> (i % 32 / 4) & 1) << 8;
            var magnitude = Iq3Grids.S[index] >> (i % 4 * 8) & 255;
            var weight = d * (1 + 2 * scale) * magnitude;
            values[i] = (block[74 + i / 8] >> (i % 8) & 1) != 0 ? -weight : weight;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* block, int part)
        where TDot : struct, IDotInstructions
    {
        var indices = block + 2 + part * 8;
        var high = (uint)block[66 + part] << 8;
        ref var grid = ref MemoryMarshal.GetReference(Iq3Grids.S);
        var magnitudes = Vector256.Create(
            Unsafe.Add(ref grid, indices[0] | high & 256), Unsafe.Add(ref grid, indices[1] | high >> 1 & 256),
            Unsafe.Add(ref grid, indices[2] | high >> 2 & 256), Unsafe.Add(ref grid, indices[3] | high >> 3 & 256),
            Unsafe.Add(ref grid, indices[4] | high >> 4 & 256), Unsafe.Add(ref grid, indices[5] | high >> 5 & 256),
            Unsafe.Add(ref grid, indices[6] | high >> 6 & 256), Unsafe.Add(ref grid, indices[7] | high >> 7 & 256)).AsByte();
        return Bits.Negate(magnitudes, Bits.Spread<TDot>(*(uint*)(block + 74 + part * 4)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SuperBlockScales Scales(byte* block)
    {
        var scales = (Bits.NibblesInOrder(*(uint*)(block + 106)) << 1 | Vector128<ushort>.One).AsInt16();
        return new() { Scales = Vector256.Create(scales, scales) };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales FloatScales(byte** rows) => RowScales.One(rows, 0);
}
