using System.Buffers.Binary;

namespace NvStream.Gguf;

/// <summary>
/// Random valid blocks of each type (layouts: ggml-common.h): the quants are random, the scales such that the weights
/// have a given standard deviation and a mean near zero.
/// </summary>
static class SyntheticBlocks
{
    /// <summary>Root mean squares that the deviations below are made of, of values drawn evenly.</summary>
    const float Signed3 = 2.345f;
    const float Unsigned4 = 4.610f;
    const float Signed4 = 4.637f;
    const float Unsigned5 = 9.233f;
    const float Signed5 = 9.247f;
    const float Signed6 = 18.48f;
    const float Upper6 = 48.39f;

    /// <summary>
    /// The standard deviation of a weight whose block scale is 1: that of the quants times that of the inner scales; for
    /// the types whose quants index a grid of points it is measured.
    /// </summary>
    static float UnitDeviation(TensorType type) => type switch
    {
        TensorType.F32 or TensorType.F16 or TensorType.BF16 => 1,
        TensorType.Q4_0 => Signed4,
        TensorType.Q4_1 => Unsigned4,
        TensorType.Q5_0 => Signed5,
        TensorType.Q5_1 => Unsigned5,
        TensorType.Q8_0 => 73.9f,
        TensorType.Q2_K => 1.118f * 11.73f,
        TensorType.Q3_K => Signed3 * Signed6,
        TensorType.Q4_K => Unsigned4 * Upper6,
        TensorType.Q5_K => Unsigned5 * Upper6,
        TensorType.Q6_K => Signed6 * Upper6,
        TensorType.IQ4_NL => 67.4f,
        TensorType.IQ4_XS => 67.4f * Signed6,
        TensorType.IQ3_XXS => 142,
        TensorType.IQ3_S => 140,
        _ => throw new NotSupportedException($"{type} has no synthetic weights"),
    };

    /// <summary>Fills whole blocks.</summary>
    /// <param name="deviation">The standard deviation of the weights.</param>
    public static void Fill(TensorType type, Span<byte> blocks, float deviation, ref SplitMix64 random)
    {
        random.Fill(blocks);
        var size = TensorTypes.Block(type).Bytes;
        var scale = deviation / UnitDeviation(type);
        for (; blocks.Length > 0; blocks = blocks[size..])
        {
            SetScales(type, blocks[..size], scale, ref random);
        }
    }

    /// <summary>
    /// Ones where a bit of a block may take any value whatever the others are: not in scales, exponents and the like.
    /// </summary>
    public static byte[] FreeBits(TensorType type)
    {
        var size = TensorTypes.Block(type).Bytes;
        var free = new byte[size];
        var (from, to) = type switch
        {
            TensorType.Q4_0 or TensorType.Q5_0 or TensorType.IQ4_NL => (2, size),
            TensorType.Q4_1 or TensorType.Q5_1 => (4, size),
            TensorType.Q2_K => (16, 80),
            TensorType.Q3_K => (0, 108),
            TensorType.Q4_K or TensorType.Q5_K => (16, size),
            TensorType.Q6_K => (0, 192),
            TensorType.IQ3_XXS or TensorType.IQ3_S or TensorType.IQ4_XS => (2, size),
            _ => (0, 0),
        };
        free.AsSpan(from..to).Fill(0xFF);
        switch (type)
        {
            case TensorType.Q8_0:
                // -128 is a value that no quantizer writes: odd numbers only.
                free.AsSpan(2).Fill(0xFE);
                break;

            // Sign and the lower mantissa; the exponent stays.
            case TensorType.F32:
                BinaryPrimitives.WriteUInt32LittleEndian(free, 0x800FFFFF);
                break;
            case TensorType.F16:
                BinaryPrimitives.WriteUInt16LittleEndian(free, 0x80FF);
                break;
            case TensorType.BF16:
                BinaryPrimitives.WriteUInt16LittleEndian(free, 0x801F);
                break;
        }

        return free;
    }

    static void SetScales(TensorType type, Span<byte> block, float scale, ref SplitMix64 random)
    {
        switch (type)
        {
            case TensorType.F32:
                BinaryPrimitives.WriteSingleLittleEndian(block, Value(ref random, scale));
                break;
            case TensorType.F16:
                WriteHalf(block, Value(ref random, scale));
                break;
            case TensorType.BF16:
                BinaryPrimitives.WriteUInt16LittleEndian(
                    block, (ushort)(BitConverter.SingleToUInt32Bits(Value(ref random, scale)) >> 16));
                break;
            case TensorType.Q4_1:
                WriteScaleAndMinimum(block, scale, -7.5f);
                break;
            case TensorType.Q5_1:
                WriteScaleAndMinimum(block, scale, -15.5f);
                break;
            case TensorType.Q8_0:
                WriteHalf(block, scale);
                for (var i = 2; i < block.Length; i++)
                {
                    block[i] |= 1;
                }

                break;
            case TensorType.Q2_K:
                // Scale and minimum of 4 bits each, both the same 8 to 15, so that each subblock is centred.
                for (var i = 0; i < 16; i++)
                {
                    block[i] = (byte)((8 + random.Next(8)) * 0x11);
                }

                WriteScaleAndMinimum(block[80..], scale, 1.5f);
                break;
            case TensorType.Q3_K:
                WriteHalf(block[108..], scale);
                break;
            case TensorType.Q4_K:
                WriteScaleAndMinimum(block, scale, 7.5f);
                PackEqualScales(block[4..16], ref random);
                break;
            case TensorType.Q5_K:
                WriteScaleAndMinimum(block, scale, 15.5f);
                PackEqualScales(block[4..16], ref random);
                break;
            case TensorType.Q6_K:
                for (var i = 192; i < 208; i++)
                {
                    block[i] = (byte)(32 + random.Next(32));
                }

                WriteHalf(block[208..], scale);
                break;
            default:
                WriteHalf(block, scale);
                break;
        }
    }

    /// <summary>Of deviation 1 times the scale, evenly drawn, never so near zero that float16 loses it.</summary>
    static float Value(ref SplitMix64 random, float scale)
    {
        var value = random.NextSigned();
        return (MathF.Abs(value) < 1e-3f ? 1e-3f : value) * 1.732f * scale;
    }

    static void WriteHalf(Span<byte> destination, float value) =>
        BinaryPrimitives.WriteHalfLittleEndian(destination, (Half)value);

    /// <summary>A float16 scale, and one that is <paramref name="factor"/> times the rounded first.</summary>
    static void WriteScaleAndMinimum(Span<byte> destination, float scale, float factor)
    {
        WriteHalf(destination, scale);
        WriteHalf(destination[2..], (float)(Half)scale * factor);
    }

    /// <summary>
    /// Eight scales of 6 bits from 32 to 63 and eight equal minima in the 12 bytes of Q4_K and Q5_K: the first four
    /// pairs in the lower bits of bytes 0 to 7, the others' lower nibbles in bytes 8 to 11 and their upper two bits on
    /// top of bytes 0 to 7 (ggml-quants.c, get_scale_min_k4).
    /// </summary>
    static void PackEqualScales(Span<byte> packed, ref SplitMix64 random)
    {
        for (var i = 0; i < 4; i++)
        {
            var (low, high) = (32 + random.Next(32), 32 + random.Next(32));
            packed[i] = packed[i + 4] = (byte)(low | high >> 4 << 6);
            packed[i + 8] = (byte)((high & 15) * 0x11);
        }
    }
}
