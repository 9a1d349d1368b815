namespace NvStream.Gguf;

/// <summary>Which type each weight of a synthetic model gets, by the name of a quantization.</summary>
/// <param name="Name">As the user writes it.</param>
/// <param name="Type">Of most weights.</param>
/// <param name="Better">Of the weights that a mix keeps better; <paramref name="Type"/> for a plain type.</param>
/// <param name="FileType">general.file_type (llama.h, enum llama_ftype).</param>
sealed record SyntheticMix(string Name, TensorType Type, TensorType Better, uint FileType)
{
    static readonly SyntheticMix[] s_all =
    [
        Plain(TensorType.F32, 0),
        Plain(TensorType.F16, 1),
        Plain(TensorType.BF16, 32),
        Plain(TensorType.Q4_0, 2),
        Plain(TensorType.Q4_1, 3),
        Plain(TensorType.Q5_0, 8),
        Plain(TensorType.Q5_1, 9),
        Plain(TensorType.Q8_0, 7),
        Plain(TensorType.Q2_K, 21),
        Plain(TensorType.Q3_K, 11),
        Plain(TensorType.Q4_K, 14),
        new("Q4_K_M", TensorType.Q4_K, TensorType.Q6_K, 15),
        Plain(TensorType.Q5_K, 16),
        new("Q5_K_M", TensorType.Q5_K, TensorType.Q6_K, 17),
        Plain(TensorType.Q6_K, 18),
        Plain(TensorType.IQ3_XXS, 23),
        Plain(TensorType.IQ3_S, 26),
        Plain(TensorType.IQ4_NL, 25),
        Plain(TensorType.IQ4_XS, 30),
    ];

    public static IEnumerable<string> Names => s_all.Select(mix => mix.Name);

    /// <exception cref="ArgumentException">Not one of <see cref="Names"/>.</exception>
    public static SyntheticMix Parse(string name) =>
        Array.Find(s_all, mix => mix.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"'{name}' is not a type of synthetic weights; these are: {string.Join(", ", Names)}");

    /// <summary>
    /// attn_v and ffn_down of the first and last eighth of the layers and of every third between are kept better
    /// (llama.cpp, llama-quant.cpp, use_more_bits).
    /// </summary>
    public TensorType OfSensitive(int layer, int layers)
    {
        var eighth = layers / 8;
        return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2 ? Better : Type;
    }

    static SyntheticMix Plain(TensorType type, uint fileType) => new(type.ToString(), type, type, fileType);
}
