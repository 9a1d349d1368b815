namespace NvStream.Storage;

/// <summary>A way for bytes to travel from a file to the memory that computes with them.</summary>
public enum RouteKind
{
    /// <summary>The best that can be had; the choice is explained in RouteReason.</summary>
    Auto,

    /// <summary>cuFile into device memory, proven to bypass host memory.</summary>
    GpuDirect,

    /// <summary>cuFile into device memory without a direct path.</summary>
    CuFileCompat,

    /// <summary>O_DIRECT into a pinned ring, then an asynchronous copy to the device.</summary>
    HostStaged,

    /// <summary>O_DIRECT into a host slot: the CPU device's direct path.</summary>
    HostDirect,

    /// <summary>Through the operating system's page cache.</summary>
    Mapped,
}
