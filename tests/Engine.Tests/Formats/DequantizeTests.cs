using System.Text.Json;
using NvStream.Compute.Cpu.Formats;
using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Formats;

public class DequantizeTests
{
    [Theory]
    [MemberData(nameof(FormatCases.AllTypes), MemberType = typeof(FormatCases))]
    public void Every_fixture_value_is_bit_exact(TensorType type)
    {
        if (type == TensorType.F32)
        {
            return;
        }

        var expected = FormatCases.Values(type);
        var actual = new float[expected.Length];
        WeightFormat.For(type)!.Dequantize(FormatCases.Blocks(type), actual);
        Assert.Equal(expected.Select(BitConverter.SingleToUInt32Bits), actual.Select(BitConverter.SingleToUInt32Bits));
    }

    [Fact]
    public void F32_is_copied()
    {
        float[] values = [1.5f, -0f, float.Epsilon, float.NegativeInfinity];
        var bytes = new byte[16];
        Buffer.BlockCopy(values, 0, bytes, 0, 16);
        var actual = new float[4];
        WeightFormat.For(TensorType.F32)!.Dequantize(bytes, actual);
        Assert.Equal(values.Select(BitConverter.SingleToUInt32Bits), actual.Select(BitConverter.SingleToUInt32Bits));
    }

    [Fact]
    public void Block_sizes_agree_with_the_fixtures_manifest()
    {
        using var manifest = JsonDocument.Parse(File.ReadAllText(FormatCases.Data("manifest.json")));
        foreach (var entry in manifest.RootElement.GetProperty("types").EnumerateObject())
        {
            var type = Enum.Parse<TensorType>(entry.Name);
            Assert.Equal(entry.Value.GetProperty("ggml_type").GetInt32(), (int)type);
            if (WeightFormat.For(type) is { } format)
            {
                Assert.Equal(entry.Value.GetProperty("block_elements").GetInt32(), format.BlockElements);
                Assert.Equal(entry.Value.GetProperty("block_bytes").GetInt32(), format.BlockBytes);
            }
        }
    }

    [Fact]
    public void Exactly_the_supported_types_have_a_format()
    {
        var supported = Enum.GetValues<TensorType>().Where(type => WeightFormat.For(type) is not null);
        Assert.Equal(FormatCases.Types.Order(), supported.Order());
        Assert.All(supported, type => Assert.Equal(type, WeightFormat.For(type)!.Type));
        Assert.Null(WeightFormat.For((TensorType)(-1)));
        Assert.Null(WeightFormat.For((TensorType)12345));
    }

    [Theory]
    [MemberData(nameof(FormatCases.AllTypes), MemberType = typeof(FormatCases))]
    public void Too_few_bytes_or_a_part_of_a_block_are_refused(TensorType type)
    {
        var format = WeightFormat.For(type)!;
        var values = new float[2 * format.BlockElements];
        Assert.Throws<ArgumentException>(() => format.Dequantize(new byte[2 * format.BlockBytes - 1], values));
        if (format.BlockElements > 1)
        {
            Assert.Throws<ArgumentException>(
                () => format.Dequantize(new byte[2 * format.BlockBytes], values.AsSpan(0, format.BlockElements + 1)));
        }
    }

    [Fact]
    public unsafe void The_vector_conversions_of_float16_are_exact_for_every_bit_pattern()
    {
        var bits = new short[16];
        var wide = new float[16];
        fixed (short* source = bits)
        fixed (float* result = wide)
        {
            for (var first = 0; first < 65536; first += 16)
            {
                for (var i = 0; i < 16; i++)
                {
                    bits[i] = (short)(first + i);
                }

                for (var i = 0; i < 16; i++)
                {
                    var expected = (float)BitConverter.Int16BitsToHalf(bits[i]);
                    AssertSame(expected, Float16.Load(source + i / 8 * 8)[i % 8]);
                    AssertSame(expected, Float16.ToSingle(System.Runtime.Intrinsics.Vector256.Load(source))[i]);
                }
            }
        }

        static void AssertSame(float expected, float actual)
        {
            if (BitConverter.SingleToUInt32Bits(expected) != BitConverter.SingleToUInt32Bits(actual))
            {
                Assert.True(float.IsNaN(expected) && float.IsNaN(actual), $"{expected} became {actual}");
            }
        }
    }
}
