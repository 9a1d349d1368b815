using NvStream.Gguf;

namespace NvStream.Models;

/// <summary>A readable file with a model in it that this engine cannot run.</summary>
public sealed class ModelException : NvStreamException
{
    ModelException(string errorId, string message, string remedy)
        : base(errorId, message, remedy)
    {
    }

    public static ModelException ArchitectureUnsupported(string path, string what) => new(
        "ArchitectureUnsupported", $"'{path}': {what}. Supported architectures: {string.Join(", ", ModelSpec.SupportedArchitectures)}.",
        "Use a model of a supported architecture.");

    public static ModelException TensorTypeUnsupported(string path, string tensor, TensorType type) => new(
        "TensorTypeUnsupported", $"'{path}': tensor '{tensor}' is stored as {type}, which the device cannot compute with.",
        "Use a file quantized as F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to Q6_K, IQ4_NL, IQ4_XS, IQ3_XXS or IQ3_S.");
}
