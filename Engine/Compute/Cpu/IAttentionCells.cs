using System.Runtime.CompilerServices;

namespace NvStream.Compute.Cpu;

/// <summary>Keys or values as attention's kernels read them: <see cref="StoredCells{TWidth, TVector}"/> or converted.</summary>
internal unsafe interface IAttentionCells<TVector>
    where TVector : struct
{
    /// <summary>Bytes of an element.</summary>
    static abstract int Bytes { get; }

    /// <summary>The vector that begins <paramref name="element"/> elements after <paramref name="cells"/>.</summary>
    static abstract TVector Load(byte* cells, nint element);
}

/// <summary>Cells of the KV pool, none infinite or NaN, converted on every reading: best where few queries read them.</summary>
internal readonly unsafe struct StoredCells<TWidth, TVector> : IAttentionCells<TVector>
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    public static int Bytes => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load(byte* cells, nint element) => TWidth.LoadFiniteHalf((ushort*)cells + element);
}

/// <summary>Cells brought to float32 by <see cref="KvConversion{TWidth, TVector}"/>.</summary>
internal readonly unsafe struct ConvertedCells<TWidth, TVector> : IAttentionCells<TVector>
    where TWidth : IWidth<TVector>
    where TVector : struct
{
    public static int Bytes => sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load(byte* cells, nint element) => TWidth.Load((float*)cells + element);
}
