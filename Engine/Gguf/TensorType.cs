namespace NvStream.Gguf;

/// <summary>
/// How a tensor's elements are stored, numbered as in the file (ggml.h, enum ggml_type).
/// All known types are listed, so that any file can be sized; which of them can be computed with is the device's word.
/// </summary>
public enum TensorType
{
    F32 = 0,
    F16 = 1,
    Q4_0 = 2,
    Q4_1 = 3,
    Q5_0 = 6,
    Q5_1 = 7,
    Q8_0 = 8,
    Q8_1 = 9,
    Q2_K = 10,
    Q3_K = 11,
    Q4_K = 12,
    Q5_K = 13,
    Q6_K = 14,
    Q8_K = 15,
    IQ2_XXS = 16,
    IQ2_XS = 17,
    IQ3_XXS = 18,
    IQ1_S = 19,
    IQ4_NL = 20,
    IQ3_S = 21,
    IQ2_S = 22,
    IQ4_XS = 23,
    I8 = 24,
    I16 = 25,
    I32 = 26,
    I64 = 27,
    F64 = 28,
    IQ1_M = 29,
    BF16 = 30,
    TQ1_0 = 34,
    TQ2_0 = 35,
    MXFP4 = 39,
}

/// <summary>The geometry of each tensor type: elements and bytes of a block.</summary>
public static class TensorTypes
{
    /// <summary>Elements and bytes of one block, or (0, 0) for a type number that is not known.</summary>
    public static (int Elements, int Bytes) Block(TensorType type) => type switch
    {
        TensorType.F32 or TensorType.I32 => (1, 4),
        TensorType.F16 or TensorType.BF16 or TensorType.I16 => (1, 2),
        TensorType.I8 => (1, 1),
        TensorType.I64 or TensorType.F64 => (1, 8),
        TensorType.Q4_0 or TensorType.IQ4_NL => (32, 18),
        TensorType.Q4_1 => (32, 20),
        TensorType.Q5_0 => (32, 22),
        TensorType.Q5_1 => (32, 24),
        TensorType.Q8_0 => (32, 34),
        TensorType.Q8_1 => (32, 36),
        TensorType.MXFP4 => (32, 17),
        TensorType.Q2_K => (256, 84),
        TensorType.Q3_K or TensorType.IQ3_S => (256, 110),
        TensorType.Q4_K => (256, 144),
        TensorType.Q5_K => (256, 176),
        TensorType.Q6_K => (256, 210),
        TensorType.Q8_K => (256, 292),
        TensorType.IQ2_XXS or TensorType.TQ2_0 => (256, 66),
        TensorType.IQ2_XS => (256, 74),
        TensorType.IQ2_S => (256, 82),
        TensorType.IQ3_XXS => (256, 98),
        TensorType.IQ1_S => (256, 50),
        TensorType.IQ1_M => (256, 56),
        TensorType.IQ4_XS => (256, 136),
        TensorType.TQ1_0 => (256, 54),
        _ => (0, 0),
    };

    public static bool IsKnown(TensorType type) => Block(type).Elements > 0;

    /// <summary>Bytes of <paramref name="elements"/> elements (a whole number of blocks).</summary>
    public static long BytesOf(TensorType type, long elements)
    {
        var (blockElements, blockBytes) = Block(type);
        return checked(elements / blockElements * blockBytes);
    }
}
