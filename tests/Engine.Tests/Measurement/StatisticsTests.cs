using NvStream.Measurement;
using NvStream.Storage;

namespace NvStream.Tests.Measurement;

public sealed class StatisticsTests
{
    [Theory]
    [InlineData(new[] { 5.0 }, 5)]
    [InlineData(new[] { 9.0, 1, 5 }, 5)]
    [InlineData(new[] { 4.0, 1, 9, 2 }, 3)]
    public void The_median_is_the_middle_value_or_between_the_middle_two(double[] values, double expected) =>
        Assert.Equal(expected, Statistics.Median(values));

    [Fact]
    public void The_deviation_is_that_of_a_sample() =>
        Assert.Equal(Math.Sqrt(32.0 / 7), Statistics.Deviation([2, 4, 4, 4, 5, 5, 7, 9]), 12);

    [Fact]
    public void A_single_value_deviates_by_nothing() => Assert.Equal(0, Statistics.Deviation([3]));

    [Fact]
    public void Percentiles_are_those_of_the_reads_that_are_kept()
    {
        var latencies = new ReadLatencies(100);
        Assert.Equal(TimeSpan.Zero, latencies.Percentile(0.5));

        // The first hundred are pushed out by the second.
        var ticks = System.Diagnostics.Stopwatch.Frequency / 1000;
        for (var i = 0; i < 100; i++)
        {
            latencies.Add(1_000_000 * ticks);
        }

        for (var i = 100; i > 0; i--)
        {
            latencies.Add(i * ticks);
        }

        Assert.Equal(51, latencies.Percentile(0.5).TotalMilliseconds, 3);
        Assert.Equal(100, latencies.Percentile(0.99).TotalMilliseconds, 3);
        Assert.Equal(1, latencies.Percentile(0).TotalMilliseconds, 3);
    }
}
