using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>A super-block's 256 quants after unpacking.</summary>
internal static unsafe class UnpackedSuperBlock
{
    public const int Bytes = Activations.GroupElements;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack<TBlock, TDot>(byte* block, byte* unpacked)
        where TBlock : struct, ISuperBlock
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
    }
}
