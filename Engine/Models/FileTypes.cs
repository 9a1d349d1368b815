using NvStream.Gguf;

namespace NvStream.Models;

/// <summary>Names of the mixes of tensor types that <c>general.file_type</c> numbers (llama.h, enum llama_ftype).</summary>
public static class FileTypes
{
    static readonly Dictionary<int, string> Names = new()
    {
        [0] = "F32",
        [1] = "F16",
        [2] = "Q4_0",
        [3] = "Q4_1",
        [7] = "Q8_0",
        [8] = "Q5_0",
        [9] = "Q5_1",
        [10] = "Q2_K",
        [11] = "Q3_K_S",
        [12] = "Q3_K_M",
        [13] = "Q3_K_L",
        [14] = "Q4_K_S",
        [15] = "Q4_K_M",
        [16] = "Q5_K_S",
        [17] = "Q5_K_M",
        [18] = "Q6_K",
        [21] = "Q2_K_S",
        [22] = "IQ3_XS",
        [23] = "IQ3_XXS",
        [25] = "IQ4_NL",
        [26] = "IQ3_S",
        [27] = "IQ3_M",
        [30] = "IQ4_XS",
        [32] = "BF16",
    };

    /// <summary>The file's name for its mix, else the type that most of its bytes have.</summary>
    public static string NameOf(GgufFile file) =>
        Names.TryGetValue(file.Metadata.GetInt32("general.file_type", -1), out var name)
            ? name
            : file.Tensors.GroupBy(t => t.Type).MaxBy(g => g.Sum(t => t.Bytes))?.Key.ToString() ?? "none";
}
