using NvStream.Gguf;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Inference;

/// <summary>
/// A model ready to answer: resident weights loaded, belt allocated and filling. Safe to use from any thread; requests
/// from all callers share the passes. Disposal cancels what runs and frees everything.
/// </summary>
public sealed class StreamModel : IDisposable
{
    StreamModel()
    {
    }

    public string Name => throw new NotImplementedException();

    /// <summary>Full path of the (first) file.</summary>
    public string Path => throw new NotImplementedException();

    public string Architecture => throw new NotImplementedException();

    /// <summary>The file's own name for its mix of types ("Q4_K_M"), else the type most of its bytes have.</summary>
    public string Quantization => throw new NotImplementedException();

    /// <summary>Bytes of all files.</summary>
    public long Size => throw new NotImplementedException();

    public long ParameterCount => throw new NotImplementedException();

    /// <summary>Transformer layers, without the output head.</summary>
    public int LayerCount => throw new NotImplementedException();

    public int ResidentLayerCount => throw new NotImplementedException();

    public int HostLayerCount => throw new NotImplementedException();

    public int StreamedLayerCount => throw new NotImplementedException();

    public long BytesPerPass => throw new NotImplementedException();

    public int ContextLength => throw new NotImplementedException();

    public int VocabularySize => throw new NotImplementedException();

    /// <summary>"Cpu" or "Cuda:N".</summary>
    public string Device => throw new NotImplementedException();

    public RouteKind Route => throw new NotImplementedException();

    public string RouteReason => throw new NotImplementedException();

    public TimeSpan LoadTime => throw new NotImplementedException();

    public ResidencyPlan Plan => throw new NotImplementedException();

    public IReadOnlyDictionary<string, object> Metadata => throw new NotImplementedException();

    public bool IsDisposed => throw new NotImplementedException();

    /// <summary>Plans without allocating or opening anything on the device: what Load would do.</summary>
    public static ResidencyPlan PlanOnly(string path, ModelOptions options) => throw new NotImplementedException();

    /// <summary>Opens, plans, allocates and loads. Cancellation frees all that was allocated.</summary>
    /// <exception cref="NvStreamException">Bad file, unsupported architecture, budget too small, route unavailable.</exception>
    public static StreamModel Load(string path, ModelOptions options, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        throw new NotImplementedException();

    /// <summary>
    /// Queues a prompt; it joins the running passes when there is room. The task ends with the result, with
    /// FinishReason Cancelled after cancellation, or with an <see cref="NvStreamException"/> (bad request: at once).
    /// </summary>
    public Task<InferenceResult> SubmitAsync(GenerationRequest request, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}
