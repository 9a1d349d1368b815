using System.Diagnostics;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Inference.Speculation;
using NvStream.Measurement;
using NvStream.Models;
using NvStream.Storage;
using NvStream.Streaming;
using NvStream.Tokenization;

namespace NvStream.Inference;

/// <summary>
/// A model ready to answer: resident weights loaded, belt allocated and filling. Safe to use from any thread; requests
/// from all callers share the passes. Disposal cancels what runs and frees everything.
/// </summary>
public sealed class StreamModel : IDisposable
{
    const int DefaultContextLength = 4096;
    const double AutoBudgetShare = 0.9;
    const double AutoHostShare = 0.7;

    readonly ModelFile _model;
    readonly IComputeDevice _device;
    readonly IStorageRoute _route;
    readonly WeightStore _weights;
    readonly KvCache _cache;
    readonly Workspace _work;
    readonly Scheduler _scheduler;
    readonly PromptEncoder _prompts;
    readonly RouteOptions _routing;
    readonly int? _threads;
    readonly Lock _attaching = new();
    DraftModel? _draft;
    int _isDisposed;

    StreamModel(ModelFile model, IComputeDevice device, ModelOptions options, ResidencyPlan plan, Owned owned, IProgress<LoadProgress>? progress, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        _model = model;
        _device = device;
        Plan = plan;
        Device = device.Info is { Kind: not DeviceKind.Cpu } gpu ? $"{gpu.Kind}:{gpu.Index}" : "Cpu";
        Name = options.Name ?? System.IO.Path.GetFileNameWithoutExtension(model.File.Path);
        var routing = new RouteOptions(BlockSize(plan, options), options.QueueDepth, plan.StagingBytes);
        (_routing, _threads) = (routing with { StagingBytes = 0 }, options.Threads);
        var choice = ChooseRoute(options.Route, routing, cancellationToken);
        device.Reserve(plan.ReservedBytes);
        _route = owned.Add(StorageRoutes.Open(choice.Kind, model.File, device, routing));
        RouteReason = choice.Why is { Length: > 0 } why ? $"{_route.Reason}; {why}" : _route.Reason;
        _cache = owned.Add(new KvCache(device, model.Spec, plan.KvTokens));
        _work = owned.Add(new Workspace(device, model.Spec, plan.PassRows, plan.PassLogits));
        _weights = owned.Add(new WeightStore(device, _route, model.Layers, plan));
        _prompts = new(model.File, model.Tokenizer);
        _weights.Load(new LoadMeter(plan.ResidentBytes, plan.HostBytes, progress).Add, cancellationToken);
        var decoder = new Decoder(device, model.File, model.Spec, model.Layers);
        _scheduler = new(Name, device, decoder, _weights, _cache, _work, plan, model.Tokenizer.VocabularySize);
        if (options.DraftModel is { } draft)
        {
            try
            {
                AttachDraft(draft, progress, cancellationToken);
            }
            catch
            {
                _scheduler.Dispose();
                throw;
            }
        }

        LoadTime = Stopwatch.GetElapsedTime(start);
    }

    public string Name { get; }

    /// <summary>Full path of the (first) file.</summary>
    public string Path => _model.File.Path;

    public string Architecture => _model.Spec.Architecture;

    /// <summary>The file's own name for its mix of types ("Q4_K_M"), else the type most of its bytes have.</summary>
    public string Quantization => FileTypes.NameOf(_model.File);

    /// <summary>Bytes of all files.</summary>
    public long Size => _model.File.Size;

    public long ParameterCount => _model.File.Tensors.Sum(t => t.Elements);

    /// <summary>Transformer layers, without the output head.</summary>
    public int LayerCount => _model.Spec.LayerCount;

    /// <summary>Layers in device memory; the head, as the last row of <see cref="Plan"/>, is not counted in these three.</summary>
    public int ResidentLayerCount => CountBlocks(Tier.Device);

    public int HostLayerCount => CountBlocks(Tier.Host);

    public int StreamedLayerCount => CountBlocks(Tier.Storage);

    public long BytesPerPass => Plan.BytesPerPass;

    public int ContextLength => Plan.ContextLength;

    public int VocabularySize => _model.Tokenizer.VocabularySize;

    /// <summary>"Cpu" or "Cuda:N".</summary>
    public string Device { get; }

    public RouteKind Route => _route.Kind;

    public string RouteReason { get; }

    public TimeSpan LoadTime { get; }

    public ResidencyPlan Plan { get; }

    /// <summary>What a pass moves and computes, for predictions.</summary>
    public ModelDemand Demand => ModelDemand.From(Name, _model.Layers, Plan);

    public IReadOnlyDictionary<string, object> Metadata => _model.File.Metadata;

    public bool IsDisposed => Volatile.Read(ref _isDisposed) != 0;

    /// <summary>Plans without allocating or opening anything on the device: what Load would do.</summary>
    /// <exception cref="NvStreamException">As <see cref="Load"/>.</exception>
    public static ResidencyPlan PlanOnly(string path, ModelOptions options) =>
        PlanOn(path, options, () => ComputeDevices.Open(options.Device, options.Threads));

    /// <param name="openDevice">Opens the device; it is the plan's to dispose.</param>
    internal static ResidencyPlan PlanOn(string path, ModelOptions options, Func<IComputeDevice> openDevice)
    {
        using var model = ModelFile.Open(path);
        using var device = openDevice();
        return MakePlan(model, device, options);
    }

    /// <summary>What a pass of the model would move and compute; plans only, as <see cref="PlanOnly"/>.</summary>
    /// <exception cref="NvStreamException">As <see cref="Load"/>.</exception>
    public static ModelDemand DemandOf(string path, ModelOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        using var model = ModelFile.Open(path);
        using var device = ComputeDevices.Open(options.Device, options.Threads);
        var plan = MakePlan(model, device, options);
        return ModelDemand.From(options.Name ?? System.IO.Path.GetFileNameWithoutExtension(model.File.Path), model.Layers, plan);
    }

    /// <summary>Opens, plans, allocates and loads. Cancellation frees all that was allocated.</summary>
    /// <exception cref="NvStreamException">Bad file, unsupported architecture, budget too small, route unavailable.</exception>
    public static StreamModel Load(string path, ModelOptions options, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        LoadOn(path, options, () => ComputeDevices.Open(options.Device, options.Threads), progress, cancellationToken);

    /// <param name="openDevice">Opens the device; it is the model's to dispose.</param>
    internal static StreamModel LoadOn(
        string path, ModelOptions options, Func<IComputeDevice> openDevice, IProgress<LoadProgress>? progress, CancellationToken cancellationToken)
    {
        var owned = new Owned();
        try
        {
            var model = owned.Add(ModelFile.Open(path));
            cancellationToken.ThrowIfCancellationRequested();
            var device = owned.Add(openDevice());
            return new(model, device, options, MakePlan(model, device, options), owned, progress, cancellationToken);
        }
        catch
        {
            owned.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Queues a prompt; it joins the running passes when there is room. The task ends with the result, with
    /// FinishReason Cancelled after cancellation, or with an <see cref="NvStreamException"/> (bad request: at once).
    /// </summary>
    public Task<InferenceResult> SubmitAsync(GenerationRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            if (IsDisposed)
            {
                throw InferenceException.ModelDisposed(Name);
            }

            if (request.MaxTokens < 1)
            {
                throw InferenceException.Invalid($"MaxTokens is {request.MaxTokens}, expected 1 or more.");
            }

            if (request.Speculate == SpeculationMode.Draft && _draft is null)
            {
                throw InferenceException.DraftModelMissing(Name);
            }

            var prompt = _prompts.Encode(request);
            if (prompt.Length == 0)
            {
                throw InferenceException.PromptEmpty();
            }

            if (prompt.Length >= ContextLength)
            {
                throw InferenceException.ContextLengthExceeded(prompt.Length, ContextLength);
            }

            var capacity = (int)Math.Min(ContextLength, (long)prompt.Length + request.MaxTokens);
            return _scheduler.Submit(new(request, prompt, capacity, _model.Tokenizer), cancellationToken);
        }
        catch (NvStreamException e)
        {
            return Task.FromException<InferenceResult>(e);
        }
    }

    /// <summary>Full path of the model that drafts for this one; null where there is none.</summary>
    public string? DraftModel => _draft?.Path;

    /// <summary>
    /// Lets a small model of the same vocabulary draft for this one from the next pass on, in what its budget has left; in
    /// place of one that does so already: there may not be room for both, so that one is gone once this one's weights are
    /// read, whatever becomes of that. A plan leaves room for the one that <see cref="ModelOptions.DraftModel"/> names.
    /// </summary>
    /// <exception cref="NvStreamException">Bad file, DraftModelInvalid for another vocabulary, DeviceBudgetTooSmall.</exception>
    public void AttachDraft(string path, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        lock (_attaching)
        {
            if (IsDisposed)
            {
                throw InferenceException.ModelDisposed(Name);
            }

            if (_draft?.Path == System.IO.Path.GetFullPath(path))
            {
                return;
            }

            var owned = new Owned();
            try
            {
                var file = owned.Add(OpenDraft(path, _model, _device));
                var demand = Speculation.DraftModel.DemandOf(file, _device).BytesFor(Plan.KvTokens, Plan.Granularity);
                var room = Math.Max(Plan.CompanionBytes, Plan.DeviceBudget - Plan.ReservedBytes);
                if (demand > room)
                {
                    throw BudgetException.DraftTooLarge(path, demand, room);
                }

                cancellationToken.ThrowIfCancellationRequested();
                _scheduler.Draft = null;
                _draft?.Dispose();
                _draft = null;
                var meter = new LoadMeter(file.Layers.Sum(l => l.Bytes), 0, progress);
                var device = ComputeDevices.Open(Device, _threads);
                _draft = Speculation.DraftModel.Load(file, device, _routing, Plan.KvTokens, meter.Add, cancellationToken);
                _scheduler.Draft = _draft;
            }
            catch
            {
                // A second disposal does nothing.
                owned.Dispose();
                throw;
            }
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        // The weights before the rest: they wait for what is still on its way to the device.
        lock (_attaching)
        {
            _scheduler.Dispose();
            _draft?.Dispose();
        }

        _weights.Dispose();
        _work.Dispose();
        _cache.Dispose();
        _route.Dispose();
        _device.Dispose();
        _model.Dispose();
    }

    /// <summary>Before anything is reserved: a probe needs some of the device's memory for itself.</summary>
    RouteChoice ChooseRoute(RouteKind asked, RouteOptions routing, CancellationToken cancellationToken) => asked == RouteKind.Auto
        ? new RouteProbe(RouteMemory.OfUser()).Choose(
            StoredFile.Of(_model.File), _device, routing, Plan.BytesPerPass, Plan.DeviceBudget, cancellationToken)
        : new(asked, "");

    static ResidencyPlan MakePlan(ModelFile model, IComputeDevice device, ModelOptions options)
    {
        var context = options.ContextLength ?? Math.Min(model.Spec.ContextLength, DefaultContextLength);
        if (context < 1 || context > model.Spec.ContextLength)
        {
            throw InferenceException.ContextLengthUnsupported(context, model.Spec.ContextLength);
        }

        model.ReadLayers(device.Supports);
        var budget = options.DeviceBudget.Resolve(device.Info.FreeMemory, AutoBudgetShare);

        // Where the device's memory is host memory there is no tier between it and storage.
        var hostBudget = device.HostCopies is null ? 0 : options.HostBudget.Resolve(CpuInfo.FreeMemory, AutoHostShare);
        var request = new PlanRequest(budget, context, options.KvTokens, options.SlotCount, hostBudget, DraftDemand(model, device, options));
        var plan = ResidencyPlanner.Plan(model.Spec, model.Layers, device, request);
        return PlanProbe.Measure(device, model.Spec, ModelDemand.From("", model.Layers, plan), model.File.Path, options.Route) is { } rates
            ? ResidencyPlanner.Plan(model.Spec, model.Layers, device, request with { Rates = rates })
            : plan;
    }

    static CompanionDemand? DraftDemand(ModelFile model, IComputeDevice device, ModelOptions options)
    {
        if (options.DraftModel is not { } path)
        {
            return null;
        }

        using var draft = OpenDraft(path, model, device);
        return Speculation.DraftModel.DemandOf(draft, device);
    }

    /// <exception cref="InferenceException">DraftModelInvalid.</exception>
    static ModelFile OpenDraft(string path, ModelFile target, IComputeDevice device)
    {
        var draft = ModelFile.Open(path);
        try
        {
            if (!draft.HasVocabularyOf(target))
            {
                throw InferenceException.DraftModelInvalid(path, $"its vocabulary is not that of '{target.File.Path}'");
            }

            draft.ReadLayers(device.Supports);
            return draft;
        }
        catch
        {
            draft.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Layers of less than a few MiB, two at a time, are read in blocks of less than one, so that the queue has as many reads
    /// in flight as it takes; below 256 KiB a read costs more than it gains. Larger blocks are for slots that hold the
    /// queue's many times over, so that a layer's last blocks are not alone for long.
    /// </summary>
    static int BlockSize(ResidencyPlan plan, ModelOptions options)
    {
        const long Least = 256 * 1024;
        const long Usual = 1 << 20;

        // Direct reads want no more than 4 KiB, but Windows does best with these.
        const long Unit = 64 * 1024;
        var largest = plan.SlotCount > 0 ? plan.SlotsBytes : 2 * plan.Layers.Max(l => l.Bytes);
        var queues = Math.Max(Math.Min(Usual, largest / options.QueueDepth), largest / (4 * options.QueueDepth));
        return (int)Math.Min(options.BlockSize, Math.Max(Least, queues / Unit * Unit));
    }

    int CountBlocks(Tier tier) => Plan.Layers.Take(LayerCount).Count(l => l.Tier == tier);
}
