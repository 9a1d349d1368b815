using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>The quants of a group of eight blocks of another format after unpacking.</summary>
internal readonly unsafe struct UnpackedSmallBlocks<TBlock> : ISmallBlock
    where TBlock : struct, ISmallBlock
{
    public const int Bytes = 256;

    public static int LargestQuant => TBlock.LargestQuant;

    public static bool IsSigned => TBlock.IsSigned;

    public static MinimumKind Minimum => TBlock.Minimum;

    public static int Offset => TBlock.Offset;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants<TDot>(byte* group, int index)
        where TDot : struct, IDotInstructions => Vector256.Load(group + index * 32);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowScales FloatScales(byte** rows, int index) => TBlock.FloatScales(rows, index);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack<TDot>(byte* group, byte* unpacked)
        where TDot : struct, IDotInstructions
    {
        TBlock.Quants<TDot>(group, 0).Store(unpacked);
        TBlock.Quants<TDot>(group, 1).Store(unpacked + 32);
        TBlock.Quants<TDot>(group, 2).Store(unpacked + 64);
        TBlock.Quants<TDot>(group, 3).Store(unpacked + 96);
        TBlock.Quants<TDot>(group, 4).Store(unpacked + 128);
        TBlock.Quants<TDot>(group, 5).Store(unpacked + 160);
        TBlock.Quants<TDot>(group, 6).Store(unpacked + 192);
        TBlock.Quants<TDot>(group, 7).Store(unpacked + 224);
    }
}
