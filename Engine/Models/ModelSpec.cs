using NvStream.Compute;
using NvStream.Gguf;

namespace NvStream.Models;

/// <summary>
/// A decoder's hyperparameters, read from the metadata keys <c>{architecture}.*</c>.
/// Llama covers what is built like it (Mistral, SmolLM); qwen2 adds biases to Q, K and V, qwen3 norms each head of Q and K.
/// Those two differences show in the tensors that a layer has; only the rope layout is the architecture's own word.
/// </summary>
public sealed record ModelSpec
{
    static readonly Dictionary<string, RopeLayout> Architectures = new()
    {
        ["llama"] = RopeLayout.Interleaved,
        ["qwen2"] = RopeLayout.Halves,
        ["qwen3"] = RopeLayout.Halves,
    };

    public static IReadOnlyCollection<string> SupportedArchitectures => Architectures.Keys;

    public required string Architecture { get; init; }

    public required int LayerCount { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int Dim { get; init; }

    /// <summary>Width of the feed-forward block.</summary>
    public required int FfnDim { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads; each serves Heads / KvHeads query heads.</summary>
    public required int KvHeads { get; init; }

    public required int HeadDim { get; init; }

    public required int VocabularySize { get; init; }

    /// <summary>Tokens the model was made for.</summary>
    public required int ContextLength { get; init; }

    public required float NormEpsilon { get; init; }

    public required RopeSpec Rope { get; init; }

    public int QueryDim => Heads * HeadDim;

    public int KvDim => KvHeads * HeadDim;

    /// <exception cref="ModelException">ArchitectureUnsupported.</exception>
    /// <exception cref="GgufException">A key that is missing or out of range.</exception>
    public static ModelSpec FromGguf(GgufFile file)
    {
        var meta = file.Metadata;
        var architecture = meta.GetString("general.architecture");
        if (!Architectures.TryGetValue(architecture, out var layout))
        {
            throw ModelException.ArchitectureUnsupported(file.Path, $"architecture '{architecture}' is not supported");
        }

        string Key(string name) => $"{architecture}.{name}";
        int Read(string name, int max, int? fallback = null)
        {
            var value = fallback is { } f ? meta.GetInt32(Key(name), f) : meta.GetInt32(Key(name));
            return value > 0 && value <= max
                ? value
                : throw GgufException.Invalid(file.Path, 0, $"metadata '{Key(name)}' is {value}, expected 1 to {max}");
        }

        if (meta.GetInt32(Key("expert_count"), 0) > 0)
        {
            throw ModelException.ArchitectureUnsupported(file.Path, $"architecture '{architecture}' with experts is not supported");
        }

        // Bounds are far beyond any model and keep every product of two of them within 64 bits.
        const int MaxWidth = 1 << 20;
        var heads = Read("attention.head_count", 1 << 14);
        var kvHeads = Read("attention.head_count_kv", heads, heads);
        var dim = Read("embedding_length", MaxWidth);
        if (heads % kvHeads != 0)
        {
            throw GgufException.Invalid(file.Path, 0, $"{heads} attention heads cannot share {kvHeads} key-value heads evenly");
        }

        var headDim = Read("attention.key_length", 1 << 14, Math.Max(1, dim / heads));
        if (Read("attention.value_length", 1 << 14, headDim) != headDim)
        {
            throw ModelException.ArchitectureUnsupported(file.Path, "keys and values of different length are not supported");
        }

        var embedding = file.FindTensor("token_embd.weight")
            ?? throw GgufException.Invalid(file.Path, 0, "tensor 'token_embd.weight' is missing");
        if (embedding.Columns != dim)
        {
            throw GgufException.Invalid(file.Path, embedding.Offset, $"tensor 'token_embd.weight' has {embedding.Columns} columns, expected {dim}");
        }

        var contextLength = Read("context_length", int.MaxValue);
        return new()
        {
            Architecture = architecture,
            LayerCount = Read("block_count", 1 << 12),
            Dim = dim,
            FfnDim = Read("feed_forward_length", MaxWidth),
            Heads = heads,
            KvHeads = kvHeads,
            HeadDim = headDim,
            VocabularySize = embedding.Rows,
            ContextLength = contextLength,
            NormEpsilon = meta.GetSingle(Key("attention.layer_norm_rms_epsilon"), 1e-5f),
            Rope = RopeSpec.FromGguf(file, architecture, headDim, contextLength, layout),
        };
    }
}
