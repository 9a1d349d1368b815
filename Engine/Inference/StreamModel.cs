using System.Diagnostics;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Gguf;
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
        var choice = ChooseRoute(options.Route, routing, cancellationToken);
        device.Reserve(plan.ReservedBytes);
        _route = owned.Add(StorageRoutes.Open(choice.Kind, model.File, device, routing));
        RouteReason = choice.Why is { Length: > 0 } why ? $"{_route.Reason}; {why}" : _route.Reason;
        _cache = owned.Add(new KvCache(device, model.Spec, plan.KvTokens));
        _work = owned.Add(new Workspace(device, model.Spec, plan.PassRows, plan.PassLogits));
        _weights = owned.Add(new WeightStore(device, _route, model.Layers, plan));
        _prompts = new(model.File, model.Tokenizer);
        _weights.Load(new LoadMeter(plan, progress).Add, cancellationToken);
        var decoder = new Decoder(device, model.File, model.Spec, model.Layers);
        _scheduler = new(Name, device, decoder, _weights, _cache, _work, plan, model.Tokenizer.VocabularySize);
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

    /// <summary>File of the model that drafts for this one; null where there is none.</summary>
    public string? DraftModel { get; private set; }

    /// <summary>
    /// Lets a small model of the same vocabulary draft for this one, in what its budget has left; nothing happens where
    /// that file drafts already. A plan leaves room for one that <see cref="ModelOptions.DraftModel"/> names.
    /// </summary>
    /// <exception cref="NvStreamException">Bad file, another vocabulary, DeviceBudgetTooSmall.</exception>
    public void AttachDraft(string path, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        throw new NotImplementedException();

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        // The weights before the rest: they wait for what is still on its way to the device.
        _scheduler.Dispose();
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
        var request = new PlanRequest(budget, context, options.KvTokens, options.SlotCount, hostBudget);
        var plan = ResidencyPlanner.Plan(model.Spec, model.Layers, device, request);
        return PlanProbe.Measure(device, model.Spec, ModelDemand.From("", model.Layers, plan), model.File.Path, options.Route) is { } rates
            ? ResidencyPlanner.Plan(model.Spec, model.Layers, device, request with { Rates = rates })
            : plan;
    }

    /// <summary>
    /// Layers of less than a few MiB, two at a time, are read in smaller blocks, so that the queue has as many reads in
    /// flight as it takes; below 256 KiB a read costs more than it gains.
    /// </summary>
    static int BlockSize(ResidencyPlan plan, ModelOptions options)
    {
        const long Least = 256 * 1024;

        // Direct reads want no more than 4 KiB, but Windows does best with these.
        const long Unit = 64 * 1024;
        var largest = plan.SlotCount > 0 ? plan.SlotsBytes : 2 * plan.Layers.Max(l => l.Bytes);
        var share = largest / options.QueueDepth / Unit * Unit;
        return (int)Math.Min(options.BlockSize, Math.Max(Least, share));
    }

    int CountBlocks(Tier tier) => Plan.Layers.Take(LayerCount).Count(l => l.Tier == tier);

    /// <summary>What a file says about its model, before any device is chosen.</summary>
    sealed class ModelFile : IDisposable
    {
        ModelFile(GgufFile file, ModelSpec spec, Tokenizer tokenizer)
        {
            File = file;
            Spec = spec;
            Tokenizer = tokenizer;
        }

        public GgufFile File { get; }

        public ModelSpec Spec { get; }

        public Tokenizer Tokenizer { get; }

        /// <summary>Filled once the device that must take their types is known.</summary>
        public LayerLayout[] Layers { get; private set; } = [];

        public static ModelFile Open(string path)
        {
            var file = GgufFile.Open(path);
            try
            {
                var spec = ModelSpec.FromGguf(file);
                var tokenizer = Tokenizer.FromGguf(file.Metadata);

                // Ids from the tokenizer index the embedding table.
                return tokenizer.VocabularySize <= spec.VocabularySize
                    ? new(file, spec, tokenizer)
                    : throw GgufException.Invalid(
                        path, 0, $"the vocabulary has {tokenizer.VocabularySize} tokens, but 'token_embd.weight' has {spec.VocabularySize} rows");
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }

        public void ReadLayers(Func<TensorType, bool> isSupported) => Layers = LayerLayout.Read(File, Spec, isSupported);

        public void Dispose() => File.Dispose();
    }

    /// <summary>What has been opened so far, for release in reverse when the rest fails.</summary>
    sealed class Owned : IDisposable
    {
        readonly Stack<IDisposable> _items = new();

        public T Add<T>(T item)
            where T : IDisposable
        {
            _items.Push(item);
            return item;
        }

        public void Dispose()
        {
            while (_items.TryPop(out var item))
            {
                item.Dispose();
            }
        }
    }

    /// <summary>Turns loaded bytes into progress with a rate, a few times a second.</summary>
    sealed class LoadMeter(ResidencyPlan plan, IProgress<LoadProgress>? progress)
    {
        static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

        readonly long _total = plan.ResidentBytes + plan.HostBytes;
        readonly long _start = Stopwatch.GetTimestamp();
        long _done;
        TimeSpan _last;

        public void Add(long bytes)
        {
            _done += bytes;
            var elapsed = Stopwatch.GetElapsedTime(_start);
            if (elapsed - _last >= Interval || _done == _total)
            {
                _last = elapsed;
                var activity = _done < plan.ResidentBytes || plan.HostBytes == 0 ? "Loading device memory" : "Loading host memory";
                progress?.Report(new(activity, _done, _total, _done / Math.Max(1e-9, elapsed.TotalSeconds)));
            }
        }
    }
}
