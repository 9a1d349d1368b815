using NvStream.Compute;
using NvStream.Compute.Cpu;

namespace NvStream.Tests.Cpu;

public sealed unsafe class LargestValuesTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 7)]
    [InlineData(100, 1)]
    [InlineData(1003, 40)]
    [InlineData(5000, 512)]
    public void Each_row_gives_its_largest_values_in_order_ties_to_the_smaller_column(int columns, int k)
    {
        const int Rows = 5;
        var random = new Random(columns);

        // The last columns belong to nobody and hold what would win.
        var stride = columns + 13;
        using var device = new CpuDevice(1);
        using var memory = device.Allocate(Rows * stride * sizeof(float), "test");
        var all = new Span<float>((void*)memory.Address, Rows * stride);
        var (ids, values) = (new int[Rows * k], new float[Rows * k]);
        for (var round = 0; round < 20; round++)
        {
            for (var i = 0; i < all.Length; i++)
            {
                all[i] = i % stride >= columns ? 1e30f
                    : random.Next(20) switch { 0 => float.NaN, 1 => float.NegativeInfinity, _ => MathF.Round((float)random.NextDouble() * 200) - 150 };
            }

            device.TopK(new(memory.Address, Rows, stride), columns, k, ids, values);
            for (var row = 0; row < Rows; row++)
            {
                var source = all.Slice(row * stride, columns).ToArray().Select(v => float.IsNaN(v) ? float.NegativeInfinity : v).ToArray();
                var expected = Enumerable.Range(0, columns).OrderByDescending(i => source[i]).ThenBy(i => i).Take(k).ToArray();
                Assert.Equal(expected, ids.AsSpan(row * k, k).ToArray());
                Assert.Equal(expected.Select(i => source[i]), values.AsSpan(row * k, k).ToArray());
            }
        }
    }
}
