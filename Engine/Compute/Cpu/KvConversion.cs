using System.Runtime.CompilerServices;

namespace NvStream.Compute.Cpu;

/// <summary>Brings a block of cells of one KV head from float16 to float32, rows padded with zeros to the workspace's pitch.</summary>
internal static unsafe class KvConversion<TWidth, TVector>
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    const int Group = AttentionLayout.KeyGroup;

    /// <summary>
    /// Keys are interleaved so that the dot products of eight of them with a query read straight through:
    /// [key / 8][dim / lanes][key % 8][lane].
    /// </summary>
    public static void Keys(ushort* source, int cells, int headDim, float* destination, int stride)
    {
        var finite = TWidth.AreFiniteHalves(source, cells * headDim);
        for (var j = 0; j < cells; j++, source += headDim)
        {
            Row(source, headDim, finite, destination + (j / Group * Group * stride) + (j % Group * TWidth.Count), Group);
        }
    }

    /// <summary>Values stay as they lie: [cell][dim].</summary>
    public static void Values(ushort* source, int cells, int headDim, float* destination, int stride)
    {
        var finite = TWidth.AreFiniteHalves(source, cells * headDim);
        for (var j = 0; j < cells; j++, source += headDim, destination += stride)
        {
            Row(source, headDim, finite, destination, 1);
        }
    }

    /// <summary>Converts a row; vector i goes to destination + i * <paramref name="step"/> vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Row(ushort* source, int headDim, bool finite, float* destination, int step)
    {
        var whole = headDim & -16;
        step *= TWidth.Count;
        if (finite)
        {
            for (var d = 0; d < whole; d += TWidth.Count, destination += step)
            {
                TWidth.Store(TWidth.LoadFiniteHalf(source + d), destination);
            }
        }
        else
        {
            for (var d = 0; d < whole; d += TWidth.Count, destination += step)
            {
                TWidth.Store(TWidth.LoadHalf(source + d), destination);
            }
        }

        if (whole < headDim)
        {
            Tail(source + whole, headDim - whole, destination, step);
        }
    }

    static void Tail(ushort* source, int count, float* destination, int step)
    {
        var halves = stackalloc ushort[16];
        Unsafe.CopyBlockUnaligned(halves, source, (uint)count * sizeof(ushort));
        for (var d = 0; d < 16; d += TWidth.Count, destination += step)
        {
            TWidth.Store(TWidth.LoadHalf(halves + d), destination);
        }
    }
}
