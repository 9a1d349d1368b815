using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// Products of a chunk of a weight row, eight groups of 256, with the same of one activation row. What belongs to one float
/// scale of the row (a super-block, or a block of 32) is added up exactly, in integers; scaled, it is added to one of the
/// row's eight sums: super-block i, or a group's block i, to sum i modulo 8. So results are the same bits on every way.
/// </summary>
internal unsafe interface IRowProduct
{
    const int ChunkGroups = 8;

    const int ScratchBytes = 2 * ChunkGroups * 32;

    static abstract ActivationEncoding Encoding { get; }

    static abstract int BlocksPerGroup { get; }

    /// <summary>Bytes for what <see cref="Prepare"/> makes of a chunk's activations; a multiple of 32.</summary>
    static abstract int PreparedBytes { get; }

    /// <summary>Puts a chunk's activations in the order in which <see cref="Add"/> takes them.</summary>
    static abstract void Prepare(byte* activations, int groups, byte* prepared);

    /// <summary>Returns the row's sums with the chunk's products added.</summary>
    /// <param name="chunk">The row's groups; the memory of eight may be read.</param>
    /// <param name="groups">How many there are: 1 to 8.</param>
    /// <param name="scratch"><see cref="ScratchBytes"/>, aligned to 32.</param>
    static abstract Vector256<float> Add(
        Vector256<float> sums, byte* chunk, int groups, byte* activations, byte* prepared, byte* scratch);
}
