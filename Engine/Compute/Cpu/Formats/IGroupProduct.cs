using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>Products of groups of 256 quantized weights with groups of 256 encoded activations.</summary>
internal unsafe interface IGroupProduct
{
    static abstract ActivationEncoding Encoding { get; }

    static abstract int BlocksPerGroup { get; }

    /// <summary>Bytes of scratch for an unpacked group.</summary>
    static abstract int UnpackedBytes { get; }

    /// <summary>Returns <paramref name="sum"/> with the group's products added; its lanes add up to the result.</summary>
    static abstract Vector256<float> Add(Vector256<float> sum, byte* group, byte* activations);

    /// <summary>The same, in the same order of additions, for a few activation rows that share the unpacking.</summary>
    /// <param name="sums"><paramref name="count"/> sums, 32-byte aligned.</param>
    /// <param name="unpacked">Scratch of <see cref="UnpackedBytes"/>, 32-byte aligned.</param>
    static abstract void AddTile(
        Vector256<float>* sums, int count, byte* group, byte* activations, long activationStride, byte* unpacked);
}
