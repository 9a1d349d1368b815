using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// Products of groups of 256 weights of eight rows with groups of 256 encoded activations. A row's products of a group (of
/// a block, where blocks have 32 weights) are added up exactly, in integers; what is then added to the row's sum in floats
/// is the same bits in every implementation, whatever its vectors, and so is the result.
/// </summary>
internal unsafe interface IGroupProduct
{
    const int Rows = 8;

    static abstract ActivationEncoding Encoding { get; }

    static abstract int BlocksPerGroup { get; }

    /// <summary>Bytes of a row's unpacked group; a multiple of 32.</summary>
    static abstract int UnpackedBytes { get; }

    /// <summary>Returns <paramref name="sums"/>, a lane a row, with the group's products added.</summary>
    /// <param name="rows">Each row's group.</param>
    static abstract Vector256<float> Add(Vector256<float> sums, byte** rows, byte* activations);

    /// <summary>Unpacks a row's group, for more than one activation row.</summary>
    static abstract void Unpack(byte* group, byte* unpacked);

    /// <summary>As <see cref="Add"/>, of groups that lie unpacked one after the other.</summary>
    /// <param name="rows">Each row's group as it was packed.</param>
    static abstract Vector256<float> AddUnpacked(Vector256<float> sums, byte** rows, byte* unpacked, byte* activations);
}
