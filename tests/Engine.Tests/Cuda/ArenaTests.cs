using NvStream.Compute.Cuda;

namespace NvStream.Tests.Cuda;

public sealed class ArenaTests
{
    const int Page = Arena.Alignment;

    [Theory]
    [InlineData(0, Page)]
    [InlineData(1, Page)]
    [InlineData(Page, Page)]
    [InlineData(Page + 1, 2 * Page)]
    public void A_cut_takes_whole_pages_and_at_least_one(long bytes, long taken) => Assert.Equal(taken, Arena.Taken(bytes));

    [Fact]
    public void What_was_counted_fits_to_the_last_byte_and_nothing_more()
    {
        var arena = new Arena(5 * Page);
        Assert.Equal(0, arena.Cut(Page, out _));
        Assert.Equal(Page, arena.Cut((3 * Page) - 7, out _));
        Assert.Equal(4 * Page, arena.Cut(1, out _));
        Assert.Null(arena.Cut(0, out _));
        Assert.Equal(0, arena.FreeBytes);
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData((4L * Page) + 1)]
    public void More_than_there_is_cannot_be_cut(long bytes)
    {
        var arena = new Arena(4 * Page);
        Assert.Null(arena.Cut(bytes, out _));
        Assert.Equal(4 * Page, arena.FreeBytes);
    }

    [Fact]
    public void Returned_neighbours_become_one_gap_in_whatever_order_they_come_back()
    {
        int[][] orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        foreach (var order in orders)
        {
            var arena = new Arena(3 * Page);
            var cuts = Enumerable.Range(0, 3).Select(_ => arena.Cut(Page, out var _)!.Value).ToArray();
            foreach (var i in order)
            {
                arena.Return(cuts[i], Page);
            }

            Assert.Equal(0, arena.Cut(3 * Page, out _));
        }
    }

    [Fact]
    public void The_first_gap_that_is_large_enough_is_taken()
    {
        var arena = new Arena(6 * Page);
        var cuts = Enumerable.Range(0, 6).Select(_ => arena.Cut(Page, out var _)!.Value).ToArray();
        arena.Return(cuts[0], Page);
        arena.Return(cuts[2], Page);
        arena.Return(cuts[3], Page);
        Assert.Equal(cuts[2], arena.Cut(2 * Page, out _));
        Assert.Equal(cuts[0], arena.Cut(10, out _));
    }

    [Fact]
    public void Memory_that_somebody_had_is_not_called_fresh()
    {
        var arena = new Arena(4 * Page);
        Assert.Equal(0, arena.Cut(2 * Page, out var isFresh));
        Assert.True(isFresh);
        arena.Return(0, 2 * Page);
        Assert.Equal(0, arena.Cut(3 * Page, out isFresh));
        Assert.False(isFresh);
        Assert.Equal(3 * Page, arena.Cut(1, out isFresh));
        Assert.True(isFresh);
    }

    [Fact]
    public void Cuts_never_overlap_and_none_is_lost_over_many_rounds()
    {
        const int pages = 64;
        var random = new Random(7);
        var arena = new Arena(pages * Page);
        var live = new List<(long Start, long Bytes)>();
        for (var round = 0; round < 2000; round++)
        {
            if (live.Count > 0 && random.Next(2) == 0)
            {
                var i = random.Next(live.Count);
                arena.Return(live[i].Start, live[i].Bytes);
                live.RemoveAt(i);
            }
            else if (random.Next(1, 9 * Page) is var bytes && arena.Cut(bytes, out _) is { } start)
            {
                Assert.All(live, l => Assert.True(start + Arena.Taken(bytes) <= l.Start || l.Start + Arena.Taken(l.Bytes) <= start));
                live.Add((start, bytes));
            }

            Assert.Equal((pages * Page) - live.Sum(l => Arena.Taken(l.Bytes)), arena.FreeBytes);
        }
    }
}
