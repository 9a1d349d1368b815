using System.Globalization;

namespace NvStream.Measurement.Topology;

/// <summary>The kernel's part of NVIDIA's driver.</summary>
/// <param name="Version">"580.65.06".</param>
/// <param name="IsOpen">Whether it is built of the open sources.</param>
/// <param name="IsX64">Whether it was built for x86_64.</param>
internal sealed record NvidiaDriver(string Version, bool IsOpen, bool IsX64)
{
    /// <summary>580.</summary>
    public int Branch => int.Parse(Version.AsSpan(0, Version.IndexOf('.', StringComparison.Ordinal)), NumberStyles.None, CultureInfo.InvariantCulture);

    public override string ToString() => Version + (IsOpen ? " (open kernel modules)" : " (proprietary kernel modules)");
}
