using System.Globalization;
using NvStream.Compute;
using NvStream.Storage;

namespace NvStream.Measurement;

/// <summary>The rows of one call, route by route.</summary>
sealed class RouteBenchmark(
    IComputeDevice device, PathBenchmark.RouteOpener open, MeasuredFile file, PathRequest request, MeasuredRates? rates,
    PathEnvironment environment, ProgressMeter progress, Action<NvmeMeasurement> onRow, CancellationToken cancellationToken)
{
    /// <summary>A sample of fewer bytes would measure its own beginning and end.</summary>
    const long LeastBytes = 64L << 20;

    /// <summary>Reads whose times are kept: more than the fastest drives end in all samples of a row.</summary>
    const int KeptLatencies = 1 << 16;

    static readonly TimeSpan s_sampleLimit = TimeSpan.FromSeconds(2);

    readonly string _device = device.Info is { Kind: not DeviceKind.Cpu } gpu ? $"{gpu.Kind}:{gpu.Index}" : "Cpu";
    long _position;

    /// <summary>Measures every row of a route; says why where it cannot be had.</summary>
    public (string Reason, string Remedy)? Measure(RouteKind kind)
    {
        try
        {
            var isCached = IsCached(kind);
            MeasureAll(kind, isCached ? CacheState.Cold : CacheState.Direct);
            if (isCached && IsWorthWarming())
            {
                progress.Begin($"{kind}: filling the page cache", file.Bytes);
                PageCache.Fill(file.Handle, file.Bytes, progress.Report, cancellationToken);
                MeasureAll(kind, CacheState.Warm);
            }

            return null;
        }
        catch (StorageException e) when (e.ErrorId == StorageException.RouteUnavailableId)
        {
            return (e.Reason, e.Remedy);
        }
    }

    /// <summary>
    /// Whether a route reads through the page cache: by what it leaves there, not by its name, since a staged route may
    /// have had to. Where that cannot be seen the name has to do.
    /// </summary>
    bool IsCached(RouteKind kind)
    {
        var block = request.BlockSizes.Min();
        using var route = open(kind, [file.Stored], device, new(block, 1));
        if (route.Kind == RouteKind.Mapped)
        {
            return true;
        }

        var bytes = Math.Min(file.Bytes, block);
        PageCache.Evict(file.Handle, 0, file.Bytes);
        if (PageCache.CachedShare(file.Handle, bytes) is not < PageCache.MostCold)
        {
            return false;
        }

        using var window = new ReadWindow(device, route, (bytes, 1), bytes, 0);
        window.Run(bytes, s_sampleLimit, _ => { }, cancellationToken);
        return PageCache.CachedShare(file.Handle, bytes) > PageCache.MostCold;
    }

    bool IsWorthWarming()
    {
        var isWorth = file.Bytes <= Compute.Cpu.CpuInfo.FreeMemory / 2;
        if (!isWorth)
        {
            request.Log?.Invoke($"No rows from a warm page cache: {file.Bytes} bytes are more than half of the free memory.");
        }

        return isWorth;
    }

    void MeasureAll(RouteKind kind, CacheState wanted)
    {
        foreach (var block in request.BlockSizes.Distinct())
        {
            foreach (var depth in request.QueueDepths.Distinct())
            {
                cancellationToken.ThrowIfCancellationRequested();
                Measure(kind, block, depth, wanted);
            }
        }
    }

    void Measure(RouteKind kind, int block, int depth, CacheState wanted)
    {
        var name = $"{kind}, {block / 1048576.0:0.##} MiB x {depth}";
        if (block > file.Bytes)
        {
            request.Log?.Invoke($"No row {name}: only {file.Bytes} bytes are read.");
            return;
        }

        // A window beyond that would push out what else the machine is busy with.
        var shape = ReadWindow.ShapeOf(block, depth, file.Bytes);
        if (shape.Piece * shape.Slots > device.Info.FreeMemory / 4)
        {
            request.Log?.Invoke($"No row {name}: its {shape.Piece * shape.Slots} bytes of memory are more than a quarter of what is free on the device.");
            return;
        }

        try
        {
            MeasureRow(name, kind, shape, block, depth, wanted);
        }
        catch (DeviceException e) when (e.ErrorId is "HostMemoryTooSmall" or "DeviceBudgetTooSmall")
        {
            request.Log?.Invoke($"No row {name}: {e.Message}");
        }
    }

    void MeasureRow(string name, RouteKind kind, (long Piece, int Slots) shape, int block, int depth, CacheState wanted)
    {
        var latencies = new ReadLatencies(KeptLatencies);
        using var route = open(kind, [file.Stored], device, new(block, depth) { Latencies = latencies });
        using var window = new ReadWindow(device, route, shape, file.Bytes, _position);
        progress.Begin($"{name}: checking what arrives", window.Capacity);
        window.Spoil();
        window.Run(window.Capacity, TimeSpan.MaxValue, progress.Report, cancellationToken);
        var isVerified = window.Verify(file.Content, cancellationToken);

        // From a cold cache, no byte is read twice in a sample: the second time it would be warm.
        var bytes = wanted == CacheState.Cold ? file.Bytes : Math.Max(LeastBytes, file.Bytes);
        var samples = new double[request.Repeat];
        var cached = new double?[request.Repeat];
        var (wall, processor) = (TimeSpan.Zero, TimeSpan.Zero);
        progress.Begin(name, bytes * request.Repeat);
        latencies.Clear();
        for (var i = 0; i < samples.Length; i++)
        {
            window.Spoil();
            cached[i] = Prepare(wanted);
            var before = i * bytes;
            var used = Environment.CpuUsage.TotalTime;
            var (read, time) = window.Run(bytes, s_sampleLimit, done => progress.Report(before + done), cancellationToken);
            processor += Environment.CpuUsage.TotalTime - used;
            wall += time;
            samples[i] = read / Math.Max(1e-9, time.TotalSeconds);
            isVerified &= window.Verify(file.Content, cancellationToken);
        }

        _position = window.Position;
        var (state, reason) = Describe(wanted, cached, route.Reason);
        var throughput = Statistics.Median(samples);
        var one = rates is null ? null : Prediction.Of(request.Model!, rates, throughput, 1);
        var eight = rates is null ? null : Prediction.Of(request.Model!, rates, throughput, Prediction.Batch);
        onRow(new()
        {
            Path = file.Path,
            Route = route.Kind,
            RouteReason = reason,
            Device = _device,
            BlockSize = block,
            QueueDepth = depth,
            Throughput = throughput,
            StandardDeviation = Statistics.Deviation(samples),
            Samples = samples,
            LatencyP50 = latencies.Percentile(0.5),
            LatencyP99 = latencies.Percentile(0.99),
            CpuPercent = 100 * processor.TotalSeconds / Math.Max(1e-9, wall.TotalSeconds),
            IsVerified = isVerified,
            CacheState = state,
            PredictedTokenRate = one?.TokenRate,
            BindingTerm = one?.BindingTerm,
            PredictedBatchTokenRate = eight?.TokenRate,
            BatchBindingTerm = eight?.BindingTerm,
            Environment = environment,
        });
    }

    /// <summary>Brings the page cache into the wanted state, as far as it can be; gives the share of the file that it then holds.</summary>
    double? Prepare(CacheState wanted)
    {
        if (wanted == CacheState.Direct)
        {
            return null;
        }

        if (wanted == CacheState.Cold)
        {
            PageCache.Evict(file.Handle, 0, file.Bytes);
        }
        else if (PageCache.CachedShare(file.Handle, file.Bytes) is not > PageCache.LeastWarm)
        {
            // Comparing may have read from the file, and emptied the cache of it again.
            PageCache.Fill(file.Handle, file.Bytes, _ => { }, cancellationToken);
        }

        return PageCache.CachedShare(file.Handle, file.Bytes);
    }

    /// <summary>The state that was found, which may be another than the one wanted.</summary>
    static (CacheState State, string Reason) Describe(CacheState wanted, double?[] cached, string reason)
    {
        if (wanted == CacheState.Direct)
        {
            return (wanted, reason);
        }

        if (Array.Exists(cached, c => c is null))
        {
            var how = wanted == CacheState.Cold ? "none of the file was read before by this call" : "the file was read before";
            return (OperatingSystem.IsLinux() ? wanted : CacheState.Warm, $"{reason}; what the page cache held could not be seen ({how})");
        }

        var (least, most) = (cached.Min()!.Value, cached.Max()!.Value);
        return most < PageCache.MostCold ? (CacheState.Cold, reason)
            : least > PageCache.LeastWarm ? (CacheState.Warm, reason)
            : (CacheState.Warm, string.Create(CultureInfo.InvariantCulture, $"{reason}; the page cache held {least:P0} to {most:P0} of the file"));
    }
}
