using NvStream.Storage.CuFile;
using NvStream.Storage.Uring;

namespace NvStream.Measurement.Topology;

/// <summary>What files do not tell, and only trying does.</summary>
internal static class LiveProbes
{
    /// <summary>Sets up a ring and gives why that was refused; null where it works.</summary>
    public static string? IoUring() => UringReads.Refusal();

    /// <summary>The version of the cuFile library; null where it is not there.</summary>
    public static string? CuFileVersion() => CuFileDriver.Version(out _);
}
