namespace NvStream.Compute.Cpu;

/// <summary>
/// The vector operations that the kernels are written in, once for all widths: <see cref="Width128"/>,
/// <see cref="Width256"/> and <see cref="Width512"/> are given as a type argument, which the compiler of a kernel sees
/// through. Additions are in lane order of the width: results are bitwise reproducible on one width, not across widths.
/// </summary>
/// <typeparam name="TVector">The vector of float32 lanes.</typeparam>
internal unsafe interface IWidth<TVector>
    where TVector : struct
{
    /// <summary>Lanes; divides 16.</summary>
    static abstract int Count { get; }

    static abstract TVector Load(float* source);

    static abstract void Store(TVector value, float* destination);

    static abstract TVector Broadcast(float value);

    static abstract TVector Add(TVector left, TVector right);

    static abstract TVector Subtract(TVector left, TVector right);

    static abstract TVector Multiply(TVector left, TVector right);

    static abstract TVector Divide(TVector left, TVector right);

    /// <summary>left * right + addend, rounded once where the processor can.</summary>
    static abstract TVector MultiplyAdd(TVector left, TVector right, TVector addend);

    /// <summary>The lesser of each lane; value where either is NaN on x86.</summary>
    static abstract TVector Min(TVector bound, TVector value);

    /// <summary>The greater of each lane; value where either is NaN on x86.</summary>
    static abstract TVector Max(TVector bound, TVector value);

    /// <summary>To the nearest integer, ties to even.</summary>
    static abstract TVector Round(TVector value);

    /// <summary>value * 2^exponent for integral exponents in [-252, 254], through infinity and subnormals as multiplication goes.</summary>
    static abstract TVector Scale(TVector value, TVector exponent);

    /// <summary>value * 2^exponent for integral exponents, where value is normal and the result is; NaN for NaN, whose exponent is too.</summary>
    static abstract TVector RaiseExponent(TVector value, TVector exponent);

    /// <summary>Lanes (1, 0, 3, 2, ...).</summary>
    static abstract TVector SwapNeighbours(TVector value);

    static abstract float First(TVector value);

    static abstract float Sum(TVector value);

    static abstract float MaxLane(TVector value);

    /// <summary>The lane sums of eight vectors, stored in their order.</summary>
    static abstract void StoreSums(
        float* destination, TVector v0, TVector v1, TVector v2, TVector v3, TVector v4, TVector v5, TVector v6, TVector v7);

    /// <summary>Converts <see cref="Count"/> float16 values, exactly.</summary>
    static abstract TVector LoadHalf(ushort* source);

    /// <summary>As <see cref="LoadHalf"/>, for values that are neither infinite nor NaN, in a third of the instructions.</summary>
    static abstract TVector LoadFiniteHalf(ushort* source);

    /// <summary>Whether none of so many float16 values is infinite or NaN.</summary>
    static abstract bool AreFiniteHalves(ushort* source, int count);

    /// <summary>Rounds to float16, ties to even; too large becomes infinity, NaN stays NaN.</summary>
    static abstract void StoreHalf(TVector value, ushort* destination);
}
