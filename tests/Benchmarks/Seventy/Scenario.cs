using NvStream.Compute;
using NvStream.Gguf;
using NvStream.Measurement;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Benchmarks.Seventy;

/// <summary>
/// A model of 70 billion parameters under what a card of 24 GB has left beside the driver's context. On another shape,
/// for a try, all budgets shrink as the model does.
/// </summary>
sealed class Scenario : IDisposable
{
    const string FullShape = "70B";
    const long CardBytes = 24L << 30;

    /// <summary>Code and recorded graphs of the kernels, which the driver takes as they are first used.</summary>
    const long CodeBytes = 128 << 20;
    const int RateRepeats = 3;

    readonly Bench _bench;
    readonly double _scale;
    readonly CardMemory? _card;
    bool _isDone;

    Scenario(Section section, Bench bench)
    {
        (Section, _bench) = (section, bench);
        Device = bench.Device ?? "Cuda";

        // Before the first context: what the card has in use then is not ours.
        if (!IsCpu)
        {
            _card = CardMemory.Open(Device, out var reason);
            if (_card is null)
            {
                section.Skipped.Add($"the card's memory in use: {reason}");
            }
        }

        // Without a device there is no use in making 42 GB.
        ComputeDevices.Open(Device).Dispose();
        Path = Bench.LargeModel(bench.LargeShape);
        _scale = bench.LargeShape == FullShape ? 1 : (double)new FileInfo(Path).Length / SyntheticModel.OfShape(FullShape).Describe().Header().Length;
        Budget = Scaled(CardBytes) - (_scale < 1 ? 0 : ContextBytes() + CodeBytes);
        section.Notes.Add($"{Path}, {new FileInfo(Path).Length / 1e9:F2} GB; device {Device}; device budget {Budget / 1e9:F2} GB");
        Rates = new(section, Path, Device, bench.Few(RateRepeats));
    }

    public Section Section { get; }

    public string Path { get; }

    public string Device { get; }

    public bool IsCpu => Device == "Cpu";

    /// <summary>Bytes for the model.</summary>
    public long Budget { get; }

    public RawRates Rates { get; }

    /// <summary>Makes the model where it is missing, and measures what the machine gives.</summary>
    public static async Task<Scenario> Begin(Section section, Bench bench)
    {
        try
        {
            var scenario = new Scenario(section, bench);
            await scenario.Rates.Measure("before");
            scenario._card?.TakeMost();
            return scenario;
        }
        catch (DeviceException e)
        {
            throw new BenchmarkException(e.Message);
        }
    }

    /// <summary>What the engine's own account says of a run.</summary>
    public void Note(string what, in Rates rates) => Section.Notes.Add($"{what}: {rates.Account}");

    public long Scaled(long bytes) => (long)(bytes * _scale);

    /// <summary>Loads the model; the time and the rate of it are figures too.</summary>
    public Session Load(string name, long hostBudget, RouteKind route)
    {
        using (var handle = File.OpenHandle(Path))
        {
            PageCache.Evict(handle, 0, RandomAccess.GetLength(handle));
        }

        var budget = Budget - (route == RouteKind.CuFileCompat ? CuFileBytes() : 0);
        var tiers = new LoadTimes();
        var session = new Session(
            Path, _bench, budget, device: Device, hostBudget: hostBudget, route: IsCpu ? RouteKind.HostDirect : route, progress: tiers);
        var model = session.Model;
        var (plan, bytes) = (model.Plan, model.Plan.ResidentBytes + model.Plan.HostBytes);
        Section.Notes.Add(
            $"{name}: {model.ResidentLayerCount} layers resident ({plan.ResidentBytes / 1e9:F2} GB), {model.HostLayerCount} in host memory ({plan.HostBytes / 1e9:F2} GB), "
            + $"{model.StreamedLayerCount} on storage ({plan.BytesPerPass / 1e9:F2} GB); {plan.SlotCount} slots of {plan.SlotBytes / 1e6:F0} MB; passes of up to {plan.PassRows} rows");
        Section.Notes.Add($"{name}: route {model.Route}: {model.RouteReason}");
        Section.Notes.Add($"{name}: {tiers}");
        Section.Add($"{name}: loading {bytes / 1e9:F2} GB", "s", [model.LoadTime.TotalSeconds]);
        Section.Add($"{name}: loading", "GB/s", [bytes / model.LoadTime.TotalSeconds / 1e9]);
        return session;
    }

    /// <summary>The same model for passes without a scheduler.</summary>
    public PassHarness LoadPasses(long hostBudget, RouteKind route) =>
        new(Path, ComputeDevices.Open(Device, _bench.Threads), Budget, hostBudget, IsCpu ? RouteKind.HostDirect : route);

    /// <summary>What the card had in use at most, once the model is unloaded; then what the machine gives now.</summary>
    public async Task End()
    {
        _isDone = true;
        Rates.Close();
        if (_card is not null && _scale == 1)
        {
            var most = (_card.TakeMost() - _card.Before) / (double)(1L << 30);
            Section.Require(Check.AtMost("card memory in use, the driver's context counted in, GiB", most, CardBytes >> 30));
        }

        await Rates.Measure("after");
    }

    /// <summary>Passes per second if the slowest of disk, link and device memory never paused; says which one it is.</summary>
    /// <param name="diskRate">Bytes per second; null for the median of all that was measured.</param>
    public double Bound(ResidencyPlan plan, double? diskRate = null)
    {
        var host = plan.HostBytes;
        var storage = plan.BytesPerPass;
        var disk = diskRate ?? Rates.Disk;
        (string Name, double Seconds)[] terms =
        [
            ("storage", disk > 0 ? storage / disk : 0),
            ("link", Rates.Link > 0 ? (host + storage) / Rates.Link : 0),
            ("device memory", Rates.Memory > 0 ? (plan.Layers.Sum(l => l.Bytes)) / Rates.Memory : 0),
        ];
        var slowest = terms.MaxBy(t => t.Seconds);
        if (diskRate is null)
        {
            Section.Notes.Add($"bound of a pass: {string.Join(", ", terms.Select(t => $"{t.Name} {t.Seconds * 1e3:F1} ms"))}; the {slowest.Name}'s counts");
        }

        return slowest.Seconds > 0 ? 1 / slowest.Seconds : throw new BenchmarkException("no raw rate was measured");
    }

    public void Dispose()
    {
        if (!_isDone)
        {
            Section.Fail("it ended before its end");
        }

        _card?.Dispose();
    }

    /// <summary>What cuFile takes of the card for itself: as seen once it has read something, and at least what it was seen to take of a whole model.</summary>
    long CuFileBytes()
    {
        const long least = 512 << 20;
        const int bytes = 64 << 20;
        if (_card is null)
        {
            return least;
        }

        using var device = ComputeDevices.Open(Device);
        using var memory = device.Allocate(bytes, "slots for cuFile");
        using var other = device.Allocate(bytes, "a layer for cuFile");
        using var handle = File.OpenHandle(Path);
        var before = _card.Used;
        using var route = StorageRoutes.Open(RouteKind.CuFileCompat, [new StoredFile(Path, RandomAccess.GetLength(handle), handle)], device, new(4 << 20, 8));
        route.Attach(memory);
        using (var transfer = new Transfer())
        {
            // Registered memory, and memory that is not.
            foreach (var address in new[] { memory.Address, other.Address })
            {
                transfer.Prepare([new(0, 0, bytes)], address, route.BlockSize);
                route.Begin(transfer);
                transfer.Wait(CancellationToken.None);
            }
        }

        var taken = Math.Max(0, _card.Used - before);
        route.Detach(memory);
        Section.Notes.Add($"cuFile takes {taken >> 20} MiB of the card for itself to begin with; {Math.Max(least, taken) >> 20} MiB are left to it");
        return Math.Max(least, taken);
    }

    /// <summary>What the driver takes for a context with one kernel loaded.</summary>
    long ContextBytes()
    {
        const long guess = 512 << 20;
        if (_card is null)
        {
            Section.Notes.Add($"the driver's context is taken for {guess >> 20} MiB");
            return guess;
        }

        using var device = ComputeDevices.Open(Device);
        using (var memory = device.Allocate(1 << 20, "context"))
        {
            device.Checksum(memory.Address, memory.Length);
        }

        var bytes = Math.Max(0, _card.Used - _card.Before);
        Section.Notes.Add($"the driver's context takes {bytes >> 20} MiB, kernels and graphs up to {CodeBytes >> 20} MiB more; {_card.Before >> 20} MiB were in use before");
        return bytes;
    }
}
