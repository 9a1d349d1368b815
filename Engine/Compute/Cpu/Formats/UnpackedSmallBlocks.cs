using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>A group of eight blocks after unpacking: its 256 quants.</summary>
internal static unsafe class UnpackedSmallBlocks
{
    public const int Bytes = Activations.GroupElements;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack<TBlock, TDot>(byte* group, byte* unpacked)
        where TBlock : struct, ISmallBlock
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
