using System.Globalization;
using NvStream.Compute;
using NvStream.Storage;

namespace NvStream.Measurement;

/// <summary>A route that was chosen, and why.</summary>
public sealed record RouteChoice(RouteKind Kind, string Why);

/// <summary>
/// Chooses the route of a model that streams: the fastest that can be had, by a short read with each. What was found is
/// remembered for the device and the drives, so that the next import need not ask again.
/// </summary>
/// <param name="memory">What earlier probes found.</param>
public sealed class RouteProbe(RouteMemory memory)
{
    /// <summary>Below this many bytes a pass, a probe would cost more than a better route gains.</summary>
    const long DefaultLeastBytes = 256L << 20;

    /// <summary>Device memory that a probe takes at most.</summary>
    const long MostMemory = 64L << 20;

    /// <summary>A route further down the list must be this much faster: less, and the next probe would say otherwise.</summary>
    const double LeastGain = 1.1;

    static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(0.05);
    static readonly TimeSpan s_sample = TimeSpan.FromSeconds(0.2);

    // In the order in which they are preferred where none is clearly faster.
    static readonly RouteKind[] s_toGpu = [RouteKind.GpuDirect, RouteKind.HostStaged, RouteKind.CuFileCompat];
    static readonly RouteKind[] s_toHost = [RouteKind.HostDirect, RouteKind.Mapped];

    /// <summary>Bytes a pass from which a probe is worth it.</summary>
    internal long LeastBytes { get; init; } = DefaultLeastBytes;

    /// <summary>The fastest route to a device; Auto, which leaves it to <see cref="StorageRoutes"/>, where a probe is not worth it.</summary>
    /// <param name="options">As the route will be opened with.</param>
    /// <param name="bytesPerPass">Bytes that a pass reads.</param>
    /// <param name="deviceBytes">Device memory that may be used meanwhile.</param>
    public RouteChoice Choose(
        IReadOnlyList<StoredFile> files, IComputeDevice device, RouteOptions options, long bytesPerPass, long deviceBytes, CancellationToken cancellationToken)
    {
        var file = files.MaxBy(f => f.Length)!;
        var bytes = file.Length / Gguf.FileExtent.Alignment * Gguf.FileExtent.Alignment;
        var shape = ReadWindow.ShapeOf(options.BlockSize, options.QueueDepth, Math.Min(bytes, MostMemory / 2));
        if (Math.Min(bytesPerPass, bytes) < LeastBytes || shape.Piece * shape.Slots > Math.Min(deviceBytes, MostMemory))
        {
            return new(RouteKind.Auto, "");
        }

        var key = RouteMemory.KeyOf(device.Info, PathEnvironment.Of(file.Path, device.Info));
        var kinds = device.HostCopies is null ? s_toHost : s_toGpu;
        var found = new List<(RouteKind Kind, double Rate, string Source)>();
        var refused = new List<string>();
        for (var i = 0; i < kinds.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                // Each from a part of the file of its own: what one has read, a drive gives to the next faster.
                using var route = StorageRoutes.Open(kinds[i], [file], device, options);
                if (memory.Find(key, kinds[i]) is { } known)
                {
                    found.Add((kinds[i], known.Rate, string.Create(CultureInfo.InvariantCulture, $"on {known.Measured:yyyy-MM-dd}")));
                    continue;
                }

                var rate = Probe(file, device, route, shape, bytes, bytes / kinds.Length * i, cancellationToken);
                memory.Remember(key, kinds[i], rate);
                found.Add((kinds[i], rate, "now"));
            }
            catch (StorageException e) when (e.ErrorId == StorageException.RouteUnavailableId)
            {
                refused.Add($"{kinds[i]} cannot be had ({e.Reason})");
            }
        }

        if (found.Count == 0)
        {
            return new(RouteKind.Auto, string.Join("; ", refused));
        }

        var best = found[0];
        foreach (var other in found.Skip(1).Where(o => o.Rate > best.Rate * LeastGain))
        {
            best = other;
        }

        var rates = found.Select(f => string.Create(CultureInfo.InvariantCulture, $"{f.Kind} {f.Rate / 1e9:0.00} GB/s {f.Source}"));
        return new(best.Kind, "probed: " + string.Join("; ", [.. rates, .. refused]));
    }

    /// <summary>Bytes per second of a short stretch of reads.</summary>
    static double Probe(
        StoredFile file, IComputeDevice device, IStorageRoute route, (long Piece, int Slots) shape, long bytes, long position,
        CancellationToken cancellationToken)
    {
        // Some routes read through the page cache (cuFile's compatibility mode does where it can): what it happens to hold
        // now it will not hold when the whole model goes through it.
        PageCache.Evict(file.Handle, 0, bytes);
        using var window = new ReadWindow(device, route, shape, bytes, position);
        window.Run(long.MaxValue, s_warmUp, _ => { }, cancellationToken);
        var (read, time) = window.Run(long.MaxValue, s_sample, _ => { }, cancellationToken);
        return read / Math.Max(1e-9, time.TotalSeconds);
    }
}
