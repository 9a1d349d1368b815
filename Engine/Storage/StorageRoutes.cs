using NvStream.Compute;
using NvStream.Gguf;

namespace NvStream.Storage;

/// <summary>Picks and opens the route for a model's files and a device.</summary>
public static class StorageRoutes
{
    /// <exception cref="StorageException">RouteUnavailable: a route asked for by name that cannot be had. Auto never fails for want of one.</exception>
    public static IStorageRoute Open(RouteKind kind, GgufFile file, DeviceInfo device, RouteOptions options)
    {
        if (kind is RouteKind.GpuDirect or RouteKind.CuFileCompat or RouteKind.HostStaged)
        {
            throw StorageException.RouteUnavailable(
                kind, $"it leads into a GPU's memory, and the device is {device.Name}", "Use -Route HostDirect, Mapped or Auto with the CPU device.");
        }

        if (kind == RouteKind.Mapped)
        {
            return new MappedRoute("asked for by name", file, options);
        }

        if (HostDirectRoute.TryOpen(file, options, out var refusal) is { } direct)
        {
            return direct;
        }

        return kind == RouteKind.Auto
            ? new MappedRoute($"through the page cache, because {refusal}", file, options)
            : throw StorageException.RouteUnavailable(
                kind, refusal, "Put the model on a local file system with direct reads (ext4, xfs), or use -Route Mapped.");
    }
}
