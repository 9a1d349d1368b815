using NvStream.Compute.Cpu.Formats;
using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Formats;

public class MultiplyTests
{
    [Theory]
    [MemberData(nameof(FormatCases.TypesAndPaths), MemberType = typeof(FormatCases))]
    public void Products_of_the_fixtures_are_those_of_their_dequantized_values(TensorType type, string path)
    {
        if (type == TensorType.F32)
        {
            return;
        }

        var random = new Random(1);
        var product = new Product(
            FormatCases.Format(type, path), FormatCases.Blocks(type), 512, FormatCases.RandomActivations(5 * 512, random));
        var weights = FormatCases.Values(type);
        AssertClose(product, weights, product.Multiply());
        AssertClose(product, weights, product.MultiplyReference());
    }

    [Theory]
    [MemberData(nameof(FormatCases.TypesAndPaths), MemberType = typeof(FormatCases))]
    public void Products_of_random_blocks_match_the_reference_in_awkward_shapes(TensorType type, string path)
    {
        var format = FormatCases.Format(type, path);
        var random = new Random(2);
        int[] blockCounts = format.BlockElements switch
        {
            1 => [1, 2, 15, 16, 17, 31, 32, 33, 48, 100, 257],
            32 => [1, 2, 7, 8, 9, 16, 19],
            _ => [1, 2, 3],
        };
        foreach (var blocks in blockCounts)
        {
            foreach (var (rows, activationRows) in new[] { (1, 1), (3, 2), (5, 4), (2, 7), (1, 17), (17, 3), (19, 6) })
            {
                var columns = blocks * format.BlockElements;
                var product = new Product(
                    format, FormatCases.RandomBlocks(type, rows * blocks, random), columns,
                    FormatCases.RandomActivations(activationRows * columns, random));
                var weights = new float[rows * columns];
                format.Dequantize(product.Weights, weights);
                AssertClose(product, weights, product.Multiply());
            }
        }
    }

    [Theory]
    [MemberData(nameof(FormatCases.TypesAndPaths), MemberType = typeof(FormatCases))]
    public void Each_result_is_the_same_bits_whatever_shares_the_call(TensorType type, string path)
    {
        var format = FormatCases.Format(type, path);
        var random = new Random(3);
        var columns = format.BlockElements == 256 ? 768 : 7 * 32 + 512;
        const int Rows = 21;
        const int ActivationRows = 17;
        var product = new Product(
            format, FormatCases.RandomBlocks(type, Rows * columns / format.BlockElements, random), columns,
            FormatCases.RandomActivations(ActivationRows * columns, random));
        var alone = new float[ActivationRows, Rows];
        for (var a = 0; a < ActivationRows; a++)
        {
            for (var r = 0; r < Rows; r++)
            {
                alone[a, r] = product.Multiply(r, 1, a, 1)[0];
            }
        }

        for (var count = 1; count <= ActivationRows; count++)
        {
            var first = ActivationRows - count;
            var y = product.Multiply(0, Rows, first, count);
            for (var i = 0; i < y.Length; i++)
            {
                var expected = alone[first + i / Rows, i % Rows];
                Assert.Equal(BitConverter.SingleToUInt32Bits(expected), BitConverter.SingleToUInt32Bits(y[i]));
            }
        }
    }

    [Theory]
    [MemberData(nameof(FormatCases.AllTypes), MemberType = typeof(FormatCases))]
    public void Every_instruction_path_gives_the_same(TensorType type)
    {
        var random = new Random(4);
        const int Columns = 1024;
        var x = FormatCases.RandomActivations(3 * Columns, random);
        var blocks = FormatCases.RandomBlocks(type, 4 * Columns / TensorTypes.Block(type).Elements, random);
        var product = new Product(FormatCases.Format(type, "default"), blocks, Columns, x);
        var portable = new Product(FormatCases.Format(type, "portable"), blocks, Columns, x);
        var weights = new float[4 * Columns];
        product.Format.Dequantize(blocks, weights);
        AssertClose(product, weights, portable.Multiply());

        // Sums within a block are in integers, or float sums in the same sixteen lanes.
        Assert.Equal(product.Multiply(), portable.Multiply());
    }

    [Theory]
    [MemberData(nameof(FormatCases.TypesAndPaths), MemberType = typeof(FormatCases))]
    public void The_largest_quants_times_the_largest_activations_do_not_overflow(TensorType type, string path)
    {
        var format = FormatCases.Format(type, path);
        const int Columns = 512;
        const int Rows = 16;
        foreach (var pattern in (byte[])[0xFF, 0x00, 0x80, 0x7F])
        {
            var blocks = FormatCases.RandomBlocks(type, Rows * Columns / format.BlockElements, new Random(9), pattern);
            foreach (var sign in (int[])[1, -1])
            {
                var x = Enumerable.Range(0, 5 * Columns).Select(i => (float)(i / Columns == 4 && i % 2 == 0 ? -sign : sign)).ToArray();
                var product = new Product(format, blocks, Columns, x);
                var weights = new float[Rows * Columns];
                format.Dequantize(blocks, weights);
                AssertClose(product, weights, product.Multiply());
                AssertClose(product, weights, product.Multiply(0, Rows, 0, 1), activationRows: 1);
            }
        }
    }

    [Theory]
    [MemberData(nameof(FormatCases.TypesAndPaths), MemberType = typeof(FormatCases))]
    public void A_row_of_zeros_gives_zeros_and_leaves_the_others_alone(TensorType type, string path)
    {
        var format = FormatCases.Format(type, path);
        var random = new Random(5);
        const int Columns = 512;
        var x = FormatCases.RandomActivations(6 * Columns, random);
        var blocks = FormatCases.RandomBlocks(type, 2 * Columns / format.BlockElements, random);
        var before = new Product(format, blocks, Columns, x).Multiply();
        Array.Clear(x, 2 * Columns, Columns);
        var after = new Product(format, blocks, Columns, x).Multiply();
        Assert.Equal([0f, 0f], after[4..6]);
        Assert.Equal(before[..4], after[..4]);
        Assert.Equal(before[6..], after[6..]);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_value_that_is_not_finite_shows_in_its_own_row_only(float value)
    {
        foreach (var type in FormatCases.Types)
        {
            var format = WeightFormat.For(type)!;
            var random = new Random(6);
            const int Columns = 512;
            var x = FormatCases.RandomActivations(6 * Columns, random);
            var blocks = FormatCases.RandomBlocks(type, 2 * Columns / format.BlockElements, random);
            var before = new Product(format, blocks, Columns, x).Multiply();
            x[3 * Columns + 300] = value;
            var after = new Product(format, blocks, Columns, x).Multiply();
            Assert.All(after[6..8], y => Assert.False(float.IsFinite(y), $"{type}: {y}"));
            Assert.Equal(before[..6], after[..6]);
            Assert.Equal(before[8..], after[8..]);
        }
    }

    [Theory]
    [MemberData(nameof(FormatCases.TypesAndPaths), MemberType = typeof(FormatCases))]
    public unsafe void Results_go_to_their_places_only(TensorType type, string path)
    {
        var format = FormatCases.Format(type, path);
        var random = new Random(7);
        const int Columns = 256;
        const int Rows = 3;
        const int ActivationRows = 9;
        const int YStride = 7;
        var product = new Product(
            format, FormatCases.RandomBlocks(type, Rows * Columns / format.BlockElements, random), Columns,
            FormatCases.RandomActivations(ActivationRows * Columns, random));
        var expected = product.Multiply();

        // The same rows with gaps between them, the results with gaps too.
        var rowBytes = product.RowBytes + 6;
        var spread = new byte[Rows * rowBytes];
        random.NextBytes(spread);
        for (var r = 0; r < Rows; r++)
        {
            product.Weights.AsSpan(r * product.RowBytes, product.RowBytes).CopyTo(spread.AsSpan(r * rowBytes));
        }

        var y = new float[ActivationRows * YStride];
        Array.Fill(y, 123.5f);
        product.MultiplyInto(spread, rowBytes, Rows, y, YStride);
        for (var i = 0; i < y.Length; i++)
        {
            var (a, r) = (i / YStride, i % YStride);
            Assert.Equal(r < Rows ? expected[a * Rows + r] : 123.5f, y[i]);
        }
    }

    [Theory]
    [MemberData(nameof(FormatCases.AllTypes), MemberType = typeof(FormatCases))]
    public unsafe void Products_allocate_nothing(TensorType type)
    {
        var format = WeightFormat.For(type)!;
        var random = new Random(8);
        const int Columns = 256;
        var blocks = FormatCases.RandomBlocks(type, 2 * Columns / format.BlockElements, random);
        var x = FormatCases.RandomActivations(5 * Columns, random);
        var product = new Product(format, blocks, Columns, x);
        var y = new float[10];
        var values = new float[2 * Columns];
        var encoded = new byte[Activations.RowBytes(format.Encoding, Columns)];
        Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Run()
        {
            product.MultiplyInto(blocks, product.RowBytes, 2, y, 2);
            format.Dequantize(blocks, values);
            fixed (float* source = x)
            fixed (byte* destination = encoded)
            {
                Activations.Encode(format.Encoding, source, Columns, destination);
            }
        }
    }

    /// <summary>
    /// Compares with the double-precision dot product. The allowance is a few float32 roundings of the largest terms that
    /// are added: an affine format's products and minima may be much larger than their difference.
    /// </summary>
    static void AssertClose(Product product, float[] weights, float[] actual, int activationRows = int.MaxValue)
    {
        var x = product.DecodedActivations();
        for (var a = 0; a < Math.Min(activationRows, product.ActivationRows); a++)
        {
            for (var r = 0; r < product.Rows; r++)
            {
                var w = weights.AsSpan(r * product.Columns, product.Columns);
                var values = x.AsSpan(a * product.Columns, product.Columns);
                double expected = 0, terms = 0, largest = 0, magnitude = 0;
                for (var i = 0; i < w.Length; i++)
                {
                    expected += (double)w[i] * values[i];
                    terms += Math.Abs((double)w[i] * values[i]);
                    largest = Math.Max(largest, Math.Abs(w[i]));
                    magnitude += Math.Abs(values[i]);
                }

                var y = actual[a * product.Rows + r];
                var allowed = 1e-6 * terms + 3e-7 * largest * magnitude;
                Assert.True(
                    Math.Abs(y - expected) <= allowed,
                    $"{product.Format.Type} {product.Columns} columns, row {r}, activation {a}: {y}, expected {expected} +- {allowed}");
            }
        }
    }
}
