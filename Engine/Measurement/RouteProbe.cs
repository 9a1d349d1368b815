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
        var found = new List<Candidate>();
        var refused = new List<string>();
        for (var i = 0; i < kinds.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (memory.Find(key, kinds[i]) is { } known)
            {
                found.Add(new(kinds[i], known.Rate, known.Measured));
                continue;
            }

            // Each from a part of the file of its own: what one has read, a drive gives to the next faster.
            using var route = TryOpen(kinds[i], file, device, options, refused);
            if (route is not null)
            {
                var rate = Probe(file, device, route, shape, bytes, bytes / kinds.Length * i, cancellationToken);
                memory.Remember(key, kinds[i], rate);
                found.Add(new(kinds[i], rate, null));
            }
        }

        while (Best(found) is { } best)
        {
            // What was there when it was measured may be gone.
            using var route = best.Measured is null ? null : TryOpen(best.Kind, file, device, options, refused);
            if (best.Measured is null || route is not null)
            {
                return new(best.Kind, "probed: " + string.Join("; ", [.. found.Select(f => f.ToString()), .. refused]));
            }

            found.Remove(best);
        }

        return new(RouteKind.Auto, string.Join("; ", refused));
    }

    static Candidate? Best(List<Candidate> found)
    {
        var best = found.FirstOrDefault();
        foreach (var other in found)
        {
            best = other.Rate > best!.Rate * LeastGain ? other : best;
        }

        return best;
    }

    static IStorageRoute? TryOpen(RouteKind kind, StoredFile file, IComputeDevice device, RouteOptions options, List<string> refused)
    {
        try
        {
            return StorageRoutes.Open(kind, [file], device, options);
        }
        catch (StorageException e) when (e.ErrorId == StorageException.RouteUnavailableId)
        {
            refused.Add($"{kind} cannot be had ({e.Reason})");
            return null;
        }
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

    /// <param name="Rate">Bytes per second.</param>
    /// <param name="Measured">Null where it was measured just now.</param>
    sealed record Candidate(RouteKind Kind, double Rate, DateTime? Measured)
    {
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture, $"{Kind} {Rate / 1e9:0.00} GB/s {(Measured is { } day ? $"on {day:yyyy-MM-dd}" : "now")}");
    }
}
