using NvStream.Streaming;

namespace NvStream.Tests.Streaming;

public sealed class MemoryBudgetTests
{
    [Theory]
    [InlineData("24GB", 24L << 30)]
    [InlineData("24GiB", 24L << 30)]
    [InlineData(" 512 mb ", 512L << 20)]
    [InlineData("1.5k", 1536)]
    [InlineData("4096", 4096)]
    [InlineData("0", 0)]
    public void Sizes_are_read_with_powers_of_1024(string text, long bytes) => Assert.Equal(bytes, MemoryBudget.Parse(text).Resolve(0, 0.9));

    [Fact]
    public void Shares_and_auto_are_of_what_is_free()
    {
        Assert.Equal(800, MemoryBudget.Parse("80%").Resolve(1000, 0.9));
        Assert.Equal(900, MemoryBudget.Parse("auto").Resolve(1000, 0.9));
        Assert.Equal(5, MemoryBudget.FromBytes(5).Resolve(1000, 0.9));
    }

    [Theory]
    [InlineData("")]
    [InlineData("GB")]
    [InlineData("-1GB")]
    [InlineData("12XB")]
    [InlineData("0%")]
    [InlineData("101%")]
    [InlineData("1e9")]
    [InlineData("99999999999999999999GB")]
    [InlineData("1..5GB")]
    public void What_is_no_size_is_refused(string text) => Assert.Throws<FormatException>(() => MemoryBudget.Parse(text));
}
