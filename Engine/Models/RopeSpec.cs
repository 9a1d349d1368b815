using System.Runtime.InteropServices;
using NvStream.Compute;
using NvStream.Gguf;

namespace NvStream.Models;

/// <summary>
/// Rotary embedding of a model. All scaling rules are linear in the position, so they fold into one frequency a pair
/// and one magnitude, and no device needs to know them.
/// </summary>
public sealed record RopeSpec(float[] Frequencies, float Magnitude, RopeLayout Layout)
{
    public int Dimensions => Frequencies.Length * 2;

    internal static RopeSpec FromGguf(GgufFile file, string architecture, int headDim, int contextLength, RopeLayout layout)
    {
        var meta = file.Metadata;
        string Key(string name) => $"{architecture}.rope.{name}";
        var dimensions = meta.GetInt32(Key("dimension_count"), headDim);
        if (dimensions <= 0 || dimensions > headDim || dimensions % 2 != 0)
        {
            throw GgufException.Invalid(file.Path, 0, $"metadata '{Key("dimension_count")}' is {dimensions}, expected an even number up to {headDim}");
        }

        var frequencyBase = meta.GetSingle(Key("freq_base"), 10000f);
        var factor = meta.GetSingle(Key("scaling.factor"), meta.GetSingle(Key("scale_linear"), 1f));
        var type = meta.GetString(Key("scaling.type"), "linear");
        if (!(frequencyBase > 0) || !(factor >= 0) || !float.IsFinite(frequencyBase) || !float.IsFinite(factor))
        {
            throw GgufException.Invalid(file.Path, 0, $"rope base {frequencyBase} and scaling factor {factor} must be positive");
        }

        var factors = Factors(file, dimensions / 2);
        var scaling = new Scaling(dimensions, frequencyBase, factor == 0 ? 1 : 1 / (double)factor);
        return type switch
        {
            "none" => Build(scaling with { Scale = 1 }, factors, layout),
            "linear" => Build(scaling, factors, layout),
            "yarn" => Build(
                scaling with
                {
                    IsYarn = true,
                    OriginalContext = meta.GetInt32(Key("scaling.original_context_length"), contextLength),
                    Attention = meta.GetSingle(Key("scaling.attn_factor"), 1f) * meta.GetSingle(Key("scaling.yarn_attn_factor"), 1f),
                    Extrapolation = meta.GetSingle(Key("scaling.yarn_ext_factor"), 1f),
                    BetaFast = meta.GetSingle(Key("scaling.yarn_beta_fast"), 32f),
                    BetaSlow = meta.GetSingle(Key("scaling.yarn_beta_slow"), 1f),
                },
                factors, layout),
            _ => throw ModelException.ArchitectureUnsupported(file.Path, $"rope scaling '{type}' is not supported"),
        };
    }

    /// <summary>What the frequencies are made of; see <see cref="Build"/>.</summary>
    internal sealed record Scaling(int Dimensions, double Base, double Scale)
    {
        public bool IsYarn { get; init; }

        public int OriginalContext { get; init; } = 1;

        public double Attention { get; init; } = 1;

        public double Extrapolation { get; init; } = 1;

        public double BetaFast { get; init; } = 32;

        public double BetaSlow { get; init; } = 1;
    }

    /// <summary>
    /// frequency[i] = Base^(-2i/Dimensions) / factors[i] * Scale. Yarn (arXiv 2309.00071, as llama.cpp computes it) keeps the
    /// unscaled frequency where a pair turns often within the original context, blends linearly between, and raises
    /// the magnitude by 0.1 ln(1/Scale).
    /// </summary>
    internal static RopeSpec Build(Scaling scaling, float[]? factors, RopeLayout layout)
    {
        double TurnsAt(double beta) =>
            scaling.Dimensions * Math.Log(scaling.OriginalContext / (beta * 2 * Math.PI)) / (2 * Math.Log(scaling.Base));
        var low = Math.Max(0, Math.Floor(TurnsAt(scaling.BetaFast)));
        var high = Math.Min(scaling.Dimensions - 1, Math.Ceiling(TurnsAt(scaling.BetaSlow)));

        var frequencies = new float[scaling.Dimensions / 2];
        for (var i = 0; i < frequencies.Length; i++)
        {
            var unscaled = Math.Pow(scaling.Base, -2.0 * i / scaling.Dimensions) / (factors?[i] ?? 1f);
            var keep = scaling.IsYarn
                ? (1 - Math.Clamp((i - low) / Math.Max(0.001, high - low), 0, 1)) * scaling.Extrapolation
                : 0;
            frequencies[i] = (float)(unscaled * (scaling.Scale * (1 - keep) + keep));
        }

        var magnitude = scaling.IsYarn && scaling.Extrapolation != 0
            ? scaling.Attention * (1 + 0.1 * Math.Log(1 / scaling.Scale))
            : scaling.Attention;
        return new(frequencies, (float)magnitude, layout);
    }

    /// <summary>Llama 3.1's per-pair divisors, where the file has them.</summary>
    static float[]? Factors(GgufFile file, int pairs)
    {
        if (file.FindTensor("rope_freqs.weight") is not { } tensor)
        {
            return null;
        }

        if (tensor.Type != TensorType.F32 || tensor.Elements != pairs)
        {
            throw GgufException.Invalid(file.Path, tensor.Offset, $"tensor 'rope_freqs.weight' has {tensor.Elements} elements of {tensor.Type}, expected {pairs} of F32");
        }

        var factors = new float[pairs];
        file.Read(tensor, 0, MemoryMarshal.AsBytes(factors.AsSpan()));
        return Array.TrueForAll(factors, f => f > 0 && float.IsFinite(f))
            ? factors
            : throw GgufException.Invalid(file.Path, tensor.Offset, "tensor 'rope_freqs.weight' has a factor that is not positive");
    }
}
