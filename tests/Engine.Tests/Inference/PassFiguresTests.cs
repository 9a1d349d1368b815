using NvStream.Inference;
using NvStream.Streaming;

namespace NvStream.Tests.Inference;

public sealed class PassFiguresTests
{
    [Theory]
    [InlineData(10, 2, 0, 5, 3, BindingTerm.Compute)]
    [InlineData(10, 8, 0, 9, 3, BindingTerm.Nvme)]
    [InlineData(10, 3, 5, 3, 9, BindingTerm.Pcie)]
    [InlineData(10, 4, 4, 9, 9, BindingTerm.Nvme)]
    [InlineData(10, 0, 0, 0, 0, BindingTerm.Compute)]
    [InlineData(10, 6, 5, 10, 0, BindingTerm.Nvme)]
    public void The_longest_of_reading_moving_and_computing_binds(int duration, int storageStall, int linkStall, int reading, int moving, BindingTerm expected)
    {
        var one = new PassFigures
        {
            Passes = 1,
            Duration = Seconds(duration),
            StorageStall = Seconds(storageStall),
            LinkStall = Seconds(linkStall),
            ReadTime = Seconds(reading),
            LinkTime = Seconds(moving),
        };
        var computing = Math.Max(0, duration - storageStall - linkStall);
        Assert.Equal(expected, one.BindingTerm);
        Assert.Equal(expected, (one + one).BindingTerm);
        Assert.Equal(Seconds(computing), one.ComputeTime);
        Assert.Equal(Seconds(Math.Max(computing, Math.Max(reading, moving))), one.BoundTime);
    }

    [Fact]
    public void Sums_count_everything()
    {
        var one = new PassFigures
        {
            Passes = 1,
            Duration = Seconds(10),
            Between = Seconds(1),
            DeviceBytes = 100,
            HostBytes = 20,
            StorageBytes = 3,
            StorageStall = Seconds(2),
            LinkStall = Seconds(3),
            ReadTime = Seconds(4),
            LinkTime = Seconds(5),
        };
        Assert.Equal(
            new PassFigures
            {
                Passes = 2,
                Duration = Seconds(20),
                Between = Seconds(2),
                DeviceBytes = 200,
                HostBytes = 40,
                StorageBytes = 6,
                StorageStall = Seconds(4),
                LinkStall = Seconds(6),
                ReadTime = Seconds(8),
                LinkTime = Seconds(10),
            },
            one + one);
    }

    static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);
}
