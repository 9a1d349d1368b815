using NvStream.Compute.Cpu.Formats;
using Xunit;

namespace NvStream.Tests.Formats;

public unsafe class ActivationsTests
{
    public static TheoryData<int> Columns => [1, 16, 31, 32, 33, 255, 256, 257, 512, 1000, 2048];

    [Theory]
    [MemberData(nameof(Columns))]
    public void The_vector_code_gives_the_same_bytes_as_the_scalar_reference(int columns)
    {
        var random = new Random(columns);
        foreach (var encoding in Enum.GetValues<ActivationEncoding>())
        {
            foreach (var x in Rows(columns, random))
            {
                var bytes = Activations.RowBytes(encoding, columns);
                var actual = new byte[bytes];
                var expected = new byte[bytes];
                random.NextBytes(actual);
                random.NextBytes(expected);
                fixed (float* source = x)
                fixed (byte* one = actual, other = expected)
                {
                    Activations.Encode(encoding, source, columns, one);
                    Activations.EncodeReference(encoding, source, columns, other);
                }

                AssertSame(encoding, expected, actual);
            }
        }
    }

    [Theory]
    [InlineData(ActivationEncoding.Q8_32, 32)]
    [InlineData(ActivationEncoding.Q8_256, 256)]
    public void Decoded_values_are_within_half_a_step_of_the_largest_of_their_block(object encodingValue, int block)
    {
        var encoding = (ActivationEncoding)encodingValue;
        const int Count = 1024;
        var x = FormatCases.RandomActivations(Count, new Random(11));
        var decoded = Decode(encoding, Encode(encoding, x), Count);
        for (var first = 0; first < Count; first += block)
        {
            var largest = x.Skip(first).Take(block).Max(MathF.Abs);
            for (var i = first; i < first + block; i++)
            {
                Assert.InRange(decoded[i] - x[i], -largest / 253, largest / 253);
            }
        }
    }

    [Fact]
    public void Sums_are_those_of_the_quants()
    {
        var x = FormatCases.RandomActivations(512, new Random(12));
        var small = Encode(ActivationEncoding.Q8_32, x);
        var large = Encode(ActivationEncoding.Q8_256, x);
        fixed (byte* s = small, l = large)
        {
            for (var group = 0; group < 2; group++)
            {
                var row = s + group * Activations.GroupBytes;
                for (var block = 0; block < 8; block++)
                {
                    var sum = new ReadOnlySpan<sbyte>(row + block * 32, 32).ToArray().Sum(q => q);
                    Assert.Equal(sum, ((float*)(row + Activations.SumsOffset))[block]);
                }

                row = l + group * Activations.GroupBytes;
                for (var sixteen = 0; sixteen < 16; sixteen++)
                {
                    var sum = new ReadOnlySpan<sbyte>(row + sixteen * 16, 16).ToArray().Sum(q => q);
                    Assert.Equal(sum, ((short*)(row + Activations.SumsOffset))[sixteen / 2 + sixteen % 2 * 8]);
                }

                for (var wide = 0; wide < 8; wide++)
                {
                    var sum = new ReadOnlySpan<sbyte>(row + wide * 32, 32).ToArray().Sum(q => q);
                    Assert.Equal(sum, ((short*)(row + Activations.WideSumsOffset))[wide]);
                }
            }
        }
    }

    [Fact]
    public void Rows_are_multiples_of_64_bytes_and_whole_groups()
    {
        Assert.Equal(64, Activations.RowBytes(ActivationEncoding.F32, 1));
        Assert.Equal(4096, Activations.RowBytes(ActivationEncoding.F32, 1024));
        Assert.Equal(320, Activations.RowBytes(ActivationEncoding.Q8_32, 32));
        Assert.Equal(640, Activations.RowBytes(ActivationEncoding.Q8_32, 288));
        Assert.Equal(1280, Activations.RowBytes(ActivationEncoding.Q8_256, 1024));
        Assert.Equal(int.MaxValue * 4L + 4, Activations.RowBytes(ActivationEncoding.F32, int.MaxValue));
    }

    [Fact]
    public void No_quant_is_below_minus_127()
    {
        // What the unsigned-by-signed multiplications of pairs rely on.
        var random = new Random(13);
        foreach (var encoding in new[] { ActivationEncoding.Q8_32, ActivationEncoding.Q8_256 })
        {
            for (var trial = 0; trial < 200; trial++)
            {
                var scale = MathF.Pow(10, random.Next(-34, 35));
                var x = FormatCases.RandomActivations(256, random).Select(v => v * scale).ToArray();
                x[random.Next(256)] = -x.Max(MathF.Abs);
                fixed (byte* row = Encode(encoding, x))
                {
                    Assert.DoesNotContain((sbyte)-128, new ReadOnlySpan<sbyte>(row, 256).ToArray());
                }
            }
        }
    }

    static IEnumerable<float[]> Rows(int columns, Random random)
    {
        yield return FormatCases.RandomActivations(columns, random);
        yield return new float[columns];

        // Ties between two quants, and the same magnitude with both signs.
        yield return [.. Enumerable.Range(0, columns).Select(i => (i % 255 - 127) / 2f)];

        // Maxima at the border of what counts as zero, and the largest floats.
        yield return [.. Enumerable.Range(0, columns).Select(i => (i % 7 - 3) * 1e-35f)];
        yield return [.. Enumerable.Range(0, columns).Select(i => i % 2 == 0 ? float.Epsilon : -float.Epsilon)];
        yield return [.. Enumerable.Range(0, columns).Select(i => i % 3 == 0 ? float.MaxValue : float.MinValue)];
        foreach (var special in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            var x = FormatCases.RandomActivations(columns, random);
            x[columns / 2] = special;
            yield return x;
        }
    }

    static byte[] Encode(ActivationEncoding encoding, float[] x)
    {
        var row = new byte[Activations.RowBytes(encoding, x.Length)];
        fixed (float* source = x)
        fixed (byte* destination = row)
        {
            Activations.Encode(encoding, source, x.Length, destination);
        }

        return row;
    }

    static float[] Decode(ActivationEncoding encoding, byte[] row, int columns)
    {
        var x = new float[columns];
        fixed (byte* source = row)
        fixed (float* destination = x)
        {
            Activations.Decode(encoding, source, columns, destination);
        }

        return x;
    }

    // NaNs may differ in their payload.
    static void AssertSame(ActivationEncoding encoding, byte[] expected, byte[] actual)
    {
        for (var i = 0; i < expected.Length; i += 4)
        {
            if (BitConverter.ToUInt32(expected, i) != BitConverter.ToUInt32(actual, i))
            {
                Assert.True(
                    float.IsNaN(BitConverter.ToSingle(expected, i)) && float.IsNaN(BitConverter.ToSingle(actual, i)),
                    $"{encoding}, byte {i}");
            }
        }
    }
}
