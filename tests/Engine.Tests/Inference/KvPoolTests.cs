using NvStream.Inference;

namespace NvStream.Tests.Inference;

public sealed class KvPoolTests
{
    [Fact]
    public void Runs_never_overlap_and_all_cells_come_back()
    {
        var random = new Random(5);
        var pool = new KvPool(1000);
        var owner = new int[1000];
        var held = new List<(int Start, int Length, int Id)>();
        for (var id = 1; id < 5000; id++)
        {
            var length = 1 + random.Next(200);
            if (pool.Allocate(length) is { } start)
            {
                Assert.All(owner.AsSpan(start, length).ToArray(), o => Assert.Equal(0, o));
                owner.AsSpan(start, length).Fill(id);
                held.Add((start, length, id));
            }
            else
            {
                Assert.NotEmpty(held);
                var at = random.Next(held.Count);
                pool.Free(held[at].Start, held[at].Length);
                owner.AsSpan(held[at].Start, held[at].Length).Clear();
                held.RemoveAt(at);
            }

            Assert.Equal(owner.Count(o => o == 0), pool.FreeTokens);
        }

        held.ForEach(h => pool.Free(h.Start, h.Length));
        Assert.Equal(0, pool.Allocate(1000));
    }
}
