using NvStream.Compute;
using NvStream.Gguf;

namespace NvStream.Storage;

/// <summary>Picks and opens the route for a model's files and a device.</summary>
public static class StorageRoutes
{
    /// <exception cref="StorageException">RouteUnavailable: a route asked for by name that cannot be had. Auto never fails for want of one.</exception>
    public static IStorageRoute Open(RouteKind kind, GgufFile file, IComputeDevice device, RouteOptions options) =>
        Open(kind, StoredFile.Of(file), device, options);

    /// <param name="files">As extents number them.</param>
    /// <exception cref="StorageException">As above.</exception>
    public static IStorageRoute Open(RouteKind kind, IReadOnlyList<StoredFile> files, IComputeDevice device, RouteOptions options) =>
        device.HostCopies is { } copies ? OpenStaged(kind, files, device, copies, options) : OpenHost(kind, files, device, options);

    /// <summary>Routes to a device that computes in host memory.</summary>
    static HostRoute OpenHost(RouteKind kind, IReadOnlyList<StoredFile> files, IComputeDevice device, RouteOptions options)
    {
        if (kind is RouteKind.GpuDirect or RouteKind.CuFileCompat or RouteKind.HostStaged)
        {
            throw StorageException.RouteUnavailable(
                kind, $"it leads into a GPU's memory, and the device is {device.Info.Name}", "Use -Route HostDirect, Mapped or Auto with the CPU device.");
        }

        if (kind == RouteKind.Mapped)
        {
            return new(RouteKind.Mapped, "asked for by name", ShardReader.OpenCached(files), options);
        }

        if (ShardReader.TryOpenDirect(files, out var refusal) is { } reader)
        {
            return new(RouteKind.HostDirect, $"direct reads into the slots, {options.QueueDepth} in flight", reader, options);
        }

        return kind == RouteKind.Auto
            ? new(RouteKind.Mapped, $"through the page cache, because {refusal}", ShardReader.OpenCached(files), options)
            : throw StorageException.RouteUnavailable(
                kind, refusal, "Put the model on a local file system with direct reads (ext4, xfs), or use -Route Mapped.");
    }

    /// <summary>Routes to a device with memory of its own.</summary>
    static HostStagedRoute OpenStaged(RouteKind kind, IReadOnlyList<StoredFile> files, IComputeDevice device, IHostCopies copies, RouteOptions options)
    {
        const string Remedy = "Use -Route HostStaged or Auto.";
        switch (kind)
        {
            case RouteKind.GpuDirect or RouteKind.CuFileCompat:
                throw StorageException.RouteUnavailable(kind, "it needs cuFile, which this version of the engine does not use", Remedy);
            case RouteKind.HostDirect or RouteKind.Mapped:
                throw StorageException.RouteUnavailable(
                    kind, $"it leads into host memory, and {device.Info.Name} computes in memory of its own", Remedy);
        }

        var how = $"into pinned buffers, {options.QueueDepth} in flight, then copied to the device";
        return ShardReader.TryOpenDirect(files, out var refusal) is { } reader
            ? new($"direct reads {how}", reader, copies, options)
            : new($"reads through the page cache {how}: direct reads cannot be had, because {refusal}", ShardReader.OpenCached(files), copies, options);
    }
}
