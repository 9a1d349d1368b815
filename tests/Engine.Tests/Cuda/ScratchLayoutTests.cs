using NvStream.Compute;
using NvStream.Compute.Cuda;

namespace NvStream.Tests.Cuda;

public sealed class ScratchLayoutTests
{
    [Theory]
    [InlineData(1, 1, 0, 1)]
    [InlineData(8, 896, 12_345, 8)]
    [InlineData(512, 14_336, 1 << 20, 64)]
    [InlineData(13, 4_100, 1, 13)]
    public void Every_region_is_aligned_and_as_large_as_what_goes_into_it(int rows, int columns, long work, int topKRows)
    {
        var layout = new ScratchLayout(rows, columns, work, topKRows);
        long[] starts =
        [
            layout.Quants, layout.Scales, layout.Halves, layout.RowScales, layout.LogitRows, layout.RowStates,
            layout.Tiles, layout.TopK, layout.Work, layout.Bytes,
        ];

        // Quants take whole tiles of 8 rows and whole rounds of 1024 columns.
        var quants = (rows + 7L) / 8 * 8 * ((columns + 1023L) / 1024 * 1024);
        long[] needed =
        [
            quants, quants / 32 * 8, 2L * rows * columns, 4L * rows, 4L * rows, 8L * rows,
            16L * rows, 8L * topKRows * IComputeDevice.MaxTopK, work,
        ];
        Assert.All(starts, s => Assert.Equal(0, s % 256));
        for (var i = 0; i < needed.Length; i++)
        {
            Assert.InRange(starts[i + 1] - starts[i], needed[i], needed[i] + 511);
        }
    }

    [Theory]
    [InlineData(512, 14_336)]
    [InlineData(1, 1)]
    public void Embedding_rows_of_every_type_but_F32_fit_where_the_encodings_go(int rows, int columns) =>
        Assert.True(new ScratchLayout(rows, columns, 0, 1).EncodingBytes >= 2L * rows * columns);

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(-1, 64)]
    public void A_pass_without_rows_or_columns_is_refused(int rows, int columns) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new ScratchLayout(rows, columns, 0, 1));
}
