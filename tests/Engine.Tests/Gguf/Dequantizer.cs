using System.Runtime.InteropServices;
using NvStream.Gguf;

namespace NvStream.Tests.Gguf;

/// <summary>Plain dequantization of a few types, to look at what was made.</summary>
static class Dequantizer
{
    public static float[] ToFloats(TensorType type, ReadOnlySpan<byte> bytes)
    {
        var floats = new List<float>();
        var size = TensorTypes.Block(type).Bytes;
        for (; bytes.Length > 0; bytes = bytes[size..])
        {
            Block(type, bytes[..size], floats);
        }

        return [.. floats];
    }

    static void Block(TensorType type, ReadOnlySpan<byte> block, List<float> floats)
    {
        switch (type)
        {
            case TensorType.F32:
                floats.Add(BitConverter.ToSingle(block));
                break;
            case TensorType.F16:
                floats.Add(Half(block));
                break;
            case TensorType.BF16:
                floats.Add(BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(block) << 16));
                break;
            case TensorType.Q4_0:
                for (var i = 0; i < 32; i++)
                {
                    floats.Add(Half(block) * (Nibble(block[2 + i % 16], i / 16) - 8));
                }

                break;
            case TensorType.Q8_0:
                foreach (var quant in MemoryMarshal.Cast<byte, sbyte>(block[2..]))
                {
                    floats.Add(Half(block) * quant);
                }

                break;
            case TensorType.Q4_K:
                for (var i = 0; i < 256; i++)
                {
                    var (scale, minimum) = ScaleAndMinimum(block[4..16], i / 32);
                    var quant = Nibble(block[16 + i / 64 * 32 + i % 32], i / 32 % 2);
                    floats.Add(Half(block) * scale * quant - Half(block[2..]) * minimum);
                }

                break;
            case TensorType.Q6_K:
                for (var i = 0; i < 256; i++)
                {
                    var (half, quarter, l) = (i / 128, i / 32 % 4, i % 32);
                    var low = Nibble(block[half * 64 + quarter % 2 * 32 + l], quarter / 2);
                    var high = (block[128 + half * 32 + l] >> (2 * quarter)) & 3;
                    floats.Add(Half(block[208..]) * (sbyte)block[192 + i / 16] * ((low | high << 4) - 32));
                }

                break;
            default:
                throw new NotSupportedException($"{type}");
        }
    }

    static float Half(ReadOnlySpan<byte> bytes) => (float)BitConverter.ToHalf(bytes);

    static int Nibble(byte value, int index) => index == 0 ? value & 15 : value >> 4;

    static (int Scale, int Minimum) ScaleAndMinimum(ReadOnlySpan<byte> packed, int i) => i < 4
        ? (packed[i] & 63, packed[i + 4] & 63)
        : ((packed[i + 4] & 15) | packed[i - 4] >> 6 << 4, packed[i + 4] >> 4 | packed[i] >> 6 << 4);
}
