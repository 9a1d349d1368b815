using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>A super-block of another format after unpacking: 256 bytes of quants, then the groups' scales and minima.</summary>
internal readonly unsafe struct UnpackedSuperBlock<TBlock> : ISuperBlock
    where TBlock : struct, ISuperBlock
{
    public const int Bytes = 256 + 64;

    public static int LargestQuant => TBlock.LargestQuant;

    public static bool IsSigned => TBlock.IsSigned;

    public static int GroupElements => TBlock.GroupElements;

    public static MinimumKind Minimum => TBlock.Minimum;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* block, int part)
        where TDot : struct, IDotInstructions => Vector256.Load(block + part * 32);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SuperBlockScales Scales(byte* block) => *(SuperBlockScales*)(block + Activations.GroupElements);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales FloatScales(byte** rows) => TBlock.FloatScales(rows);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack<TDot>(byte* block, byte* unpacked)
        where TDot : struct, IDotInstructions
    {
        TBlock.Quants<TDot>(block, 0).Store(unpacked);
        TBlock.Quants<TDot>(block, 1).Store(unpacked + 32);
        TBlock.Quants<TDot>(block, 2).Store(unpacked + 64);
        TBlock.Quants<TDot>(block, 3).Store(unpacked + 96);
        TBlock.Quants<TDot>(block, 4).Store(unpacked + 128);
        TBlock.Quants<TDot>(block, 5).Store(unpacked + 160);
        TBlock.Quants<TDot>(block, 6).Store(unpacked + 192);
        TBlock.Quants<TDot>(block, 7).Store(unpacked + 224);
        *(SuperBlockScales*)(unpacked + Activations.GroupElements) = TBlock.Scales(block);
    }
}
