using NvStream.Compute;
using NvStream.Measurement.Topology;
using NvStream.Storage;

namespace NvStream.Measurement;

/// <summary>
/// Measures how fast bytes get from a file to a device, a row a route, block size and queue depth. A row's sample reads
/// as many bytes as are measured (at least 64 MiB), but asks for no more after two seconds; it goes on in the file where
/// the last one stopped. What lies in the device's memory is compared with what the file holds after a first, untimed
/// round and after every sample.
/// </summary>
public static class PathBenchmark
{
    /// <summary>Bytes that are read where no size is given and file and disk go that far.</summary>
    internal const long DefaultBytes = 4L << 30;

    static readonly RouteKind[] s_routes =
        [RouteKind.GpuDirect, RouteKind.CuFileCompat, RouteKind.HostStaged, RouteKind.HostDirect, RouteKind.Mapped];

    /// <summary>Opens a route; another in tests.</summary>
    internal delegate IStorageRoute RouteOpener(RouteKind kind, IReadOnlyList<StoredFile> files, IComputeDevice device, RouteOptions options);

    /// <summary>Measures, on the calling thread.</summary>
    /// <param name="path">A file, which is read as it is, or a folder: a scratch file is made there and removed, whatever happens.</param>
    /// <param name="onRow">Called with each row as soon as it is known.</param>
    /// <param name="onUnavailable">Called with each route that cannot be had.</param>
    /// <exception cref="NvStreamException">The path cannot be read, the disk is full (ScratchFileFailed), the device cannot be opened, a read failed.</exception>
    /// <exception cref="OperationCanceledException">Within a second or as soon as the reads in flight have ended; everything is freed.</exception>
    public static void Run(
        string path, PathRequest request, Action<NvmeMeasurement> onRow, Action<UnavailableRoute> onUnavailable, IProgress<PathProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        Check(path, request);
        using var device = ComputeDevices.Open(request.Device, log: request.Log);
        RunOn(device, StorageRoutes.Open, path, request, onRow, onUnavailable, progress, cancellationToken);
    }

    /// <summary>Bytes of the scratch file that <see cref="Run"/> would make in this folder.</summary>
    /// <exception cref="StorageException">ScratchFileFailed: the disk has not that much.</exception>
    public static long ScratchBytes(string folder, PathRequest request)
    {
        Check(folder, request);
        return ScratchFile.BytesFor(folder, request.Size);
    }

    internal static void RunOn(
        IComputeDevice device, RouteOpener open, string path, PathRequest request, Action<NvmeMeasurement> onRow,
        Action<UnavailableRoute> onUnavailable, IProgress<PathProgress>? progress, CancellationToken cancellationToken)
    {
        var meter = new ProgressMeter(progress);
        MeasuredRates? rates = null;
        if (request.Model is { } model)
        {
            rates = RateMeter.Measure(device, model, meter, cancellationToken);
        }

        var kinds = request.Routes.Count > 0 ? [.. request.Routes.Distinct()] : s_routes;
        var isForCuFile = device.HostCopies is not null
            && kinds.Any(k => k is RouteKind.GpuDirect or RouteKind.CuFileCompat) && LiveProbes.CuFileVersion() is not null;
        using var file = MeasuredFile.Open(path, request, isForCuFile, meter, cancellationToken);
        var environment = PathEnvironment.Of(file.Path, device.Info);
        var run = new RouteBenchmark(device, open, file, request, rates, environment, meter, onRow, cancellationToken);
        foreach (var kind in kinds)
        {
            if (run.Measure(kind) is { } refusal)
            {
                onUnavailable(new(kind, refusal.Reason, refusal.Remedy, WasAskedFor: request.Routes.Count > 0));
            }
        }
    }

    static void Check(string path, PathRequest request)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(request);
        const int Page = Gguf.FileExtent.Alignment;
        Require(request.BlockSizes.Count > 0 && request.BlockSizes.All(b => b >= Page && b % Page == 0), $"Block sizes must be multiples of {Page} bytes.");
        Require(request.QueueDepths.Count > 0 && request.QueueDepths.All(d => d is >= 1 and <= 4096), "Queue depths must be 1 to 4096.");
        Require(request.Repeat >= 1, "Repeat must be 1 or more.");
        Require(request.Size is null or >= Page, $"Size must be {Page} bytes or more.");

        static void Require(bool holds, string what)
        {
            if (!holds)
            {
                throw new ArgumentException(what, nameof(request));
            }
        }
    }
}
