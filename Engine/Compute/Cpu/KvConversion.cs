using System.Runtime.CompilerServices;

namespace NvStream.Compute.Cpu;

/// <summary>Brings a block of cells of one KV head from float16 to float32, rows padded with zeros to the workspace's pitch.</summary>
internal static unsafe class KvConversion<TWidth, TVector>
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    /// <param name="finite">Whether no cell is infinite or NaN.</param>
    public static void Block(ushort* source, int cells, int headDim, bool finite, float* destination, int stride)
    {
        if (stride == headDim)
        {
            Whole(source, cells * headDim, finite, destination);
            return;
        }

        var whole = headDim & -16;
        for (var j = 0; j < cells; j++, source += headDim, destination += stride)
        {
            Whole(source, whole, finite, destination);
            Tail(source + whole, headDim - whole, destination + whole);
        }
    }

    /// <summary>Converts a multiple of 16 elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Whole(ushort* source, nint count, bool finite, float* destination)
    {
        if (finite)
        {
            for (nint i = 0; i < count; i += TWidth.Count)
            {
                TWidth.Store(TWidth.LoadFiniteHalf(source + i), destination + i);
            }
        }
        else
        {
            for (nint i = 0; i < count; i += TWidth.Count)
            {
                TWidth.Store(TWidth.LoadHalf(source + i), destination + i);
            }
        }
    }

    static void Tail(ushort* source, int count, float* destination)
    {
        var halves = stackalloc ushort[16];
        Unsafe.CopyBlockUnaligned(halves, source, (uint)count * sizeof(ushort));
        for (var d = 0; d < 16; d += TWidth.Count)
        {
            TWidth.Store(TWidth.LoadHalf(halves + d), destination + d);
        }
    }
}
