using NvStream.Compute;
using NvStream.Gguf;
using NvStream.Storage.CuFile;

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
            return OpenMapped("asked for by name", files, options);
        }

        if (StoredFiles.TryOpenDirect(files, out var refusal) is { } direct)
        {
            var queue = ReadQueues.Open(direct, options.QueueDepth, out var how);
            return new(RouteKind.HostDirect, $"direct reads into the slots, {how}", queue, direct, options);
        }

        return kind == RouteKind.Auto
            ? OpenMapped($"through the page cache, because {refusal}", files, options)
            : throw StorageException.RouteUnavailable(
                kind, refusal, "Put the model on a local file system with direct reads (ext4, xfs), or use -Route Mapped.");
    }

    static HostRoute OpenMapped(string reason, IReadOnlyList<StoredFile> files, RouteOptions options)
    {
        var cached = StoredFiles.OpenCached(files);
        return new(RouteKind.Mapped, reason, ReadQueues.OpenThreads(cached, options.QueueDepth), cached, options);
    }

    /// <summary>Routes to a device with memory of its own.</summary>
    static IStorageRoute OpenStaged(RouteKind kind, IReadOnlyList<StoredFile> files, IComputeDevice device, IHostCopies copies, RouteOptions options)
    {
        switch (kind)
        {
            case RouteKind.GpuDirect or RouteKind.CuFileCompat:
                return CuFileRoute.Open(kind, files, device, copies, options);
            case RouteKind.HostDirect or RouteKind.Mapped:
                throw StorageException.RouteUnavailable(
                    kind, $"it leads into host memory, and {device.Info.Name} computes in memory of its own", "Use -Route HostStaged or Auto.");
        }

        const string Then = "into pinned buffers, then copied to the device";
        if (StoredFiles.TryOpenDirect(files, out var refusal) is { } direct)
        {
            var queue = ReadQueues.Open(direct, options.QueueDepth, out var how);
            return new HostStagedRoute($"direct reads {Then}, {how}", queue, direct, copies, options);
        }

        var cached = StoredFiles.OpenCached(files);
        return new HostStagedRoute(
            $"reads through the page cache {Then}, on {options.QueueDepth} threads: direct reads cannot be had, because {refusal}",
            ReadQueues.OpenThreads(cached, options.QueueDepth), cached, copies, options);
    }
}
