namespace NvStream.Gguf;

/// <summary>
/// A model of any shape with random weights, for tests and measurements: it computes as a trained one does and says
/// nothing sensible. The same values and seed give the same bytes.
/// </summary>
public sealed record SyntheticModel
{
    /// <summary>llama, qwen2 (with biases of q, k and v) or qwen3 (with norms of q and k heads).</summary>
    public string Architecture { get; init; } = "llama";

    /// <summary>general.name.</summary>
    public string Name { get; init; } = "synthetic";

    /// <summary>Columns of the residual stream.</summary>
    public int EmbeddingLength { get; init; } = 2048;

    public int FeedForwardLength { get; init; } = 8192;

    public int HeadCount { get; init; } = 32;

    public int KeyValueHeadCount { get; init; } = 8;

    /// <summary>Columns of a head; 0 for EmbeddingLength / HeadCount.</summary>
    public int HeadLength { get; init; }

    public int LayerCount { get; init; } = 16;

    /// <summary>Tokens; ignored where <see cref="Vocabulary"/> is given.</summary>
    public int VocabularySize { get; init; } = 32768;

    /// <summary>Positions the model claims to be trained for.</summary>
    public int ContextLength { get; init; } = 8192;

    /// <summary>Whether the embedding is the output head too.</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>One of <see cref="Types"/>: a tensor type for all weights, or a mix.</summary>
    public string Type { get; init; } = "Q4_K_M";

    public ulong Seed { get; init; } = 1;

    /// <summary>Metadata to take the tokenizer.* keys from; null for a made-up vocabulary.</summary>
    public GgufMetadata? Vocabulary { get; init; }

    public static IEnumerable<string> Types => SyntheticMix.Names;

    /// <summary>What <see cref="OfShape"/> takes.</summary>
    public static IReadOnlyList<string> Shapes { get; } = ["1.1B", "8B", "70B"];

    /// <summary>The shape of a known llama of 1.1, 8 or 70 billion parameters.</summary>
    /// <exception cref="ArgumentException">Not one of <see cref="Shapes"/>.</exception>
    public static SyntheticModel OfShape(string shape) => shape.ToUpperInvariant() switch
    {
        "1.1B" => new SyntheticModel { Name = "synthetic-1.1B" },
        "8B" => new SyntheticModel
        {
            Name = "synthetic-8B",
            EmbeddingLength = 4096,
            FeedForwardLength = 14336,
            LayerCount = 32,
            VocabularySize = 128256,
        },
        "70B" => new SyntheticModel
        {
            Name = "synthetic-70B",
            EmbeddingLength = 8192,
            FeedForwardLength = 28672,
            HeadCount = 64,
            LayerCount = 80,
            VocabularySize = 128256,
        },
        _ => throw new ArgumentException($"'{shape}' is not a known shape; these are: {string.Join(", ", Shapes)}"),
    };

    /// <summary>Metadata and tensors of the model, ready to be written.</summary>
    /// <exception cref="ArgumentException">A size that is not positive, or that does not fit another one or the type's blocks.</exception>
    public GgufWriter Describe()
    {
        var vocabulary = Vocabulary?.FindStrings("tokenizer.ggml.tokens")?.Count ?? VocabularySize;
        Validate(vocabulary);
        var mix = SyntheticMix.Parse(Type);
        var writer = new GgufWriter();
        AddMetadata(writer, mix, vocabulary);
        AddTensors(writer, mix, vocabulary);
        return writer;
    }

    /// <summary>Writes the model; see <see cref="GgufWriter.Write"/>.</summary>
    public IReadOnlyList<string> Write(string path, GgufWriteOptions? options = null) =>
        Describe().Write(path, new SyntheticWeights(Seed).Next, options);

    int HeadColumns => HeadLength == 0 ? EmbeddingLength / HeadCount : HeadLength;

    void Validate(int vocabulary)
    {
        Require(Architecture is "llama" or "qwen2" or "qwen3",
            $"architecture '{Architecture}' cannot be made; llama, qwen2 and qwen3 can");
        Require(EmbeddingLength > 0 && FeedForwardLength > 0 && HeadCount > 0 && KeyValueHeadCount > 0 && LayerCount > 0
            && ContextLength > 0 && HeadLength >= 0, "every size must be positive");
        Require(HeadCount % KeyValueHeadCount == 0,
            $"{HeadCount} heads cannot share {KeyValueHeadCount} key-value heads evenly");
        Require(HeadLength != 0 || EmbeddingLength % HeadCount == 0,
            $"{EmbeddingLength} columns cannot be cut into {HeadCount} heads; give the head's length");
        Require(HeadColumns > 0 && HeadColumns % 2 == 0, $"a head of {HeadColumns} columns cannot be rotated in pairs");
        Require((long)HeadCount * HeadColumns <= int.MaxValue, "the heads are too many");
        Require(Vocabulary is not null
            || vocabulary >= SyntheticVocabulary.MinimumSize && vocabulary <= SyntheticVocabulary.MaximumSize,
            $"a made-up vocabulary of {vocabulary} tokens cannot be made; "
            + $"{SyntheticVocabulary.MinimumSize} to {SyntheticVocabulary.MaximumSize} can");
        Require(Vocabulary?.ContainsKey("tokenizer.ggml.tokens") ?? true, "the model given for its vocabulary has none");
    }

    static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new ArgumentException(otherwise);
        }
    }

    void AddMetadata(GgufWriter writer, SyntheticMix mix, int vocabulary)
    {
        var isLlama = Architecture == "llama";
        writer
            .Set("general.architecture", Architecture)
            .Set("general.name", Name)
            .Set("general.quantization_version", 2u)
            .Set("general.file_type", mix.FileType)
            .Set($"{Architecture}.context_length", (uint)ContextLength)
            .Set($"{Architecture}.embedding_length", (uint)EmbeddingLength)
            .Set($"{Architecture}.block_count", (uint)LayerCount)
            .Set($"{Architecture}.feed_forward_length", (uint)FeedForwardLength)
            .Set($"{Architecture}.attention.head_count", (uint)HeadCount)
            .Set($"{Architecture}.attention.head_count_kv", (uint)KeyValueHeadCount)
            .Set($"{Architecture}.attention.key_length", (uint)HeadColumns)
            .Set($"{Architecture}.attention.value_length", (uint)HeadColumns)
            .Set($"{Architecture}.attention.layer_norm_rms_epsilon", isLlama ? 1e-5f : 1e-6f)
            .Set($"{Architecture}.rope.freq_base", isLlama ? 500_000f : 1_000_000f)
            .Set($"{Architecture}.rope.dimension_count", (uint)HeadColumns)
            .Set($"{Architecture}.vocab_size", (uint)vocabulary);
        if (Vocabulary is null)
        {
            SyntheticVocabulary.AddTo(writer, vocabulary);
            return;
        }

        foreach (var (key, value) in Vocabulary.Where(pair => pair.Key.StartsWith("tokenizer.", StringComparison.Ordinal)))
        {
            writer.Set(key, value);
        }
    }

    /// <summary>Layer by layer, as converters write them, so that each layer is one range of bytes.</summary>
    void AddTensors(GgufWriter writer, SyntheticMix mix, int vocabulary)
    {
        var queries = HeadCount * HeadColumns;
        var keys = KeyValueHeadCount * HeadColumns;
        writer.AddTensor("token_embd.weight", TiedEmbeddings ? mix.Better : mix.Type, EmbeddingLength, vocabulary);
        for (var i = 0; i < LayerCount; i++)
        {
            var sensitive = mix.OfSensitive(i, LayerCount);
            writer
                .AddTensor($"blk.{i}.attn_norm.weight", TensorType.F32, EmbeddingLength)
                .AddTensor($"blk.{i}.attn_q.weight", mix.Type, EmbeddingLength, queries)
                .AddTensor($"blk.{i}.attn_k.weight", mix.Type, EmbeddingLength, keys)
                .AddTensor($"blk.{i}.attn_v.weight", sensitive, EmbeddingLength, keys)
                .AddTensor($"blk.{i}.attn_output.weight", mix.Type, queries, EmbeddingLength);
            if (Architecture == "qwen2")
            {
                writer
                    .AddTensor($"blk.{i}.attn_q.bias", TensorType.F32, queries)
                    .AddTensor($"blk.{i}.attn_k.bias", TensorType.F32, keys)
                    .AddTensor($"blk.{i}.attn_v.bias", TensorType.F32, keys);
            }

            if (Architecture == "qwen3")
            {
                writer
                    .AddTensor($"blk.{i}.attn_q_norm.weight", TensorType.F32, HeadColumns)
                    .AddTensor($"blk.{i}.attn_k_norm.weight", TensorType.F32, HeadColumns);
            }

            writer
                .AddTensor($"blk.{i}.ffn_norm.weight", TensorType.F32, EmbeddingLength)
                .AddTensor($"blk.{i}.ffn_gate.weight", mix.Type, EmbeddingLength, FeedForwardLength)
                .AddTensor($"blk.{i}.ffn_up.weight", mix.Type, EmbeddingLength, FeedForwardLength)
                .AddTensor($"blk.{i}.ffn_down.weight", sensitive, FeedForwardLength, EmbeddingLength);
        }

        writer.AddTensor("output_norm.weight", TensorType.F32, EmbeddingLength);
        if (!TiedEmbeddings)
        {
            writer.AddTensor("output.weight", mix.Better, EmbeddingLength, vocabulary);
        }
    }
}
