using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>One block of a quantized type.</summary>
internal unsafe interface IWeightBlock
{
    static abstract TensorType Type { get; }

    /// <summary>Bytes of a block; a constant to the compiler, unlike the table of sizes.</summary>
    static abstract int Bytes { get; }

    /// <summary>Dequantizes one block in scalar code, element by element as the format defines it.</summary>
    static abstract void Dequantize(byte* block, float* values);
}
