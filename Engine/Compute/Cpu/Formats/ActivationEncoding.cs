namespace NvStream.Compute.Cpu.Formats;

/// <summary>How activations are encoded for a product; <see cref="Activations"/> gives the layouts.</summary>
internal enum ActivationEncoding
{
    /// <summary>float32 as they are, for float weights.</summary>
    F32,

    /// <summary>int8 with a float32 scale for each 32 (ggml's q8_0 and q8_1 arithmetic), for blocks of 32.</summary>
    Q8_32,

    /// <summary>int8 with a float32 scale for each 256 and sums of each 16 (ggml's q8_K), for blocks of 256.</summary>
    Q8_256,
}
