using NvStream.Inference;
using NvStream.Streaming;

namespace NvStream.Tests.Inference;

public sealed class PassFiguresTests
{
    [Theory]
    [InlineData(10, 2, 5, 3, BindingTerm.Compute)]
    [InlineData(10, 8, 9, 3, BindingTerm.Nvme)]
    [InlineData(10, 8, 3, 9, BindingTerm.Pcie)]
    [InlineData(10, 8, 9, 9, BindingTerm.Nvme)]
    [InlineData(10, 0, 0, 0, BindingTerm.Compute)]
    [InlineData(10, 11, 10, 0, BindingTerm.Nvme)]
    public void The_longest_of_reading_moving_and_computing_binds(int duration, int stall, int reading, int moving, BindingTerm expected)
    {
        var one = new PassFigures(Seconds(duration), 1000, Seconds(stall), Seconds(reading), Seconds(moving));
        Assert.Equal(expected, one.BindingTerm);
        Assert.Equal(expected, (one + one).BindingTerm);
        Assert.Equal(2000, (one + one).Bytes);
        Assert.Equal(Seconds(Math.Max(0, duration - stall)), one.ComputeTime);
    }

    static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);
}
