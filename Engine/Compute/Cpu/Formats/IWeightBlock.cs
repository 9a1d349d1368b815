using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>The layout of one block of a quantized type.</summary>
internal unsafe interface IWeightBlock
{
    static abstract TensorType Type { get; }

    /// <summary>Whether the decoded quants run over -128..127; otherwise over 0..127, which multiplies faster.</summary>
    static abstract bool IsSigned { get; }

    /// <summary>Dequantizes one block in scalar code, element by element as the format defines it.</summary>
    static abstract void Dequantize(byte* block, float* values);
}
