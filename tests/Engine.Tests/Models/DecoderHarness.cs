using System.Runtime.InteropServices;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Models;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Tests.Models;

/// <summary>A model's forward pass without scheduler or sampler: tokens in, logits out.</summary>
sealed class DecoderHarness : IDisposable
{
    readonly GgufFile _file;
    readonly IStorageRoute _route;
    readonly WeightStore _weights;
    readonly KvCache _cache;
    readonly Workspace _work;
    readonly Decoder _decoder;
    readonly Pass _pass;

    public DecoderHarness(string path, long budget = 1L << 30, int context = 256, IComputeDevice? device = null)
    {
        _file = GgufFile.Open(path);
        Spec = ModelSpec.FromGguf(_file);
        Device = device ?? new CpuDevice();
        var layers = LayerLayout.Read(_file, Spec, Device.Supports);
        Plan = ResidencyPlanner.Plan(Spec, layers, Device, new(budget, context));
        _route = StorageRoutes.Open(RouteKind.Auto, _file, Device, new(1 << 20, 4));
        _weights = new(Device, _route, layers, Plan);
        _weights.Load(_ => { }, TestContext.Current.CancellationToken);
        _cache = new(Device, Spec, Plan.KvTokens);
        _work = new(Device, Spec, Plan.PassRows, Plan.PassLogits);
        _decoder = new(Device, _file, Spec, layers);
        _pass = new(Plan.PassRows, Plan.PassSequences, Plan.PassLogits);
    }

    public ModelSpec Spec { get; }

    public ResidencyPlan Plan { get; }

    public IComputeDevice Device { get; }

    public WeightStore Weights => _weights;

    /// <summary>Logits after the last of the tokens, which stand at positions from <paramref name="position"/>.</summary>
    /// <param name="isDecoding">Whether they count as chosen by the model, not as its prompt's.</param>
    public float[] Run(ReadOnlySpan<int> tokens, int position, bool isDecoding = false)
    {
        var logits = new float[Spec.VocabularySize];
        Run(tokens, position, isDecoding, logits);
        return logits;
    }

    /// <summary>The same, with room for the logits.</summary>
    public void Run(ReadOnlySpan<int> tokens, int position, bool isDecoding, Span<float> logits)
    {
        _pass.Clear();
        _pass.Add(tokens, kvStart: 0, position, logits: 1, isDecoding);
        _decoder.Forward(_pass, _weights, _cache, _work, TestContext.Current.CancellationToken);
        Device.Read(_work.Logits(1).Address, MemoryMarshal.AsBytes(logits));
    }

    public void Dispose()
    {
        _work.Dispose();
        _cache.Dispose();
        _weights.Dispose();
        _route.Dispose();
        Device.Dispose();
        _file.Dispose();
    }
}
