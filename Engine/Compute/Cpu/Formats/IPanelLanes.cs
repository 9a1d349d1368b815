namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// The operations of a product in which a lane of 32 bits is a weight row: four neighbouring weights of the row, or the
/// sums that they add to. The vector's type is that of integers throughout; floats are the same bits.
/// </summary>
internal unsafe interface IPanelLanes<TVector>
    where TVector : struct
{
    /// <summary>Lanes, and so rows: 8 or 16.</summary>
    static abstract int Rows { get; }

    static abstract TVector Load(void* source);

    static abstract void Store(TVector value, void* destination);

    /// <summary>The same four bytes in every lane.</summary>
    static abstract TVector Broadcast(void* source);

    static abstract TVector Shorts(short value);

    static abstract TVector Floats(float value);

    /// <summary>Products of unsigned weights and signed activations, neighbours added to 16 bits, which they must fit.</summary>
    static abstract TVector DotBytes(TVector weights, TVector activations);

    /// <summary>Products of 16-bit integers, neighbours added to 32 bits.</summary>
    static abstract TVector DotShorts(TVector x, TVector y);

    static abstract TVector AddShorts(TVector x, TVector y);

    static abstract TVector ShiftShorts(TVector x, int left);

    static abstract TVector AddIntegers(TVector x, TVector y);

    static abstract TVector ToFloats(TVector integers);

    static abstract TVector MultiplyFloats(TVector x, TVector y);

    static abstract TVector MultiplyAddFloats(TVector x, TVector y, TVector addend);
}
