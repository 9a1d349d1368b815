using System.Runtime.InteropServices;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using Xunit;

namespace NvStream.Tests.Cpu;

public sealed class CpuAttentionTests
{
    [Theory]
    [InlineData(128, 32, 1)]
    [InlineData(128, 80, 2)]
    [InlineData(256, 32, 1)]
    [InlineData(256, 64, 4)]
    [InlineData(256, 80, 2)]
    [InlineData(256, 96, 8)]
    [InlineData(256, 128, 4)]
    [InlineData(256, 13, 3)]
    [InlineData(256, 512, 2)]
    [InlineData(512, 64, 8)]
    [InlineData(512, 80, 1)]
    public void MatchesTheReferenceForPrefillAndDecodeMixed(int width, int headDim, int group)
    {
        // Five tokens at once, a long prefill, one token each at awkward ends of blocks and chunks.
        SequenceSpan[] sequences =
            [new(0, 5, 0, 0), new(5, 64, 10, 0), new(69, 1, 80, 31), new(70, 1, 130, 32), new(71, 2, 170, 255), new(73, 1, 430, 299), new(74, 1, 730, 0)];
        AssertMatches(width, headDim, kvHeads: 2, group, tokens: 740, rows: 75, sequences, threads: 2);
    }

    [Fact]
    public void EveryContextLengthMatchesTheReference()
    {
        for (var length = 1; length <= 300; length += length < 70 ? 1 : 23)
        {
            AssertMatches(256, headDim: 32, kvHeads: 1, group: 2, tokens: 320, rows: 1, [new(0, 1, 11, length - 1)], threads: 1);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(40)]
    public void OneKvHeadForManyQueryHeads(int group) =>
        AssertMatches(256, headDim: 64, kvHeads: 1, group, tokens: 100, rows: 3, [new(0, 3, 0, 60)], threads: 2);

    [Fact]
    public void LargeScoresDoNotOverflow() =>
        AssertMatches(256, headDim: 64, kvHeads: 1, group: 1, tokens: 300, rows: 1, [new(0, 1, 0, 299)], threads: 1, spread: 60, tolerance: 2e-3f);

    [Fact]
    public void ContextsSplitOverWorkersGiveTheBitsOfOneWorker()
    {
        // Few rows, long contexts, and more chunks than the scratch has states for: several waves.
        SequenceSpan[] sequences = [new(0, 1, 0, 20_000), new(1, 2, 20_100, 700), new(3, 1, 21_000, 3)];
        var values = new List<float[]>();
        foreach (var threads in new[] { 1, 2, 5, 8 })
        {
            values.Add(Attention(new CpuDevice(threads), 128, kvHeads: 1, group: 8, tokens: 21_100, rows: 4, sequences, spread: 1));
        }

        Assert.All(values, seen => AssertSameBits(values[0], seen));
        var expected = Attention(new CpuReference(), 128, kvHeads: 1, group: 8, tokens: 21_100, rows: 4, sequences, spread: 1);
        Rig.AssertClose(expected, values[0], 1e-5f);
    }

    [Theory]
    [InlineData(64, 4)]
    [InlineData(80, 1)]
    public void PrefillInChunksAndTokenByTokenGivesTheBitsOfPrefillAtOnce(int headDim, int group)
    {
        const int rows = 300, kvHeads = 2;
        var queries = Rig.Random(5, rows * kvHeads * group * headDim);
        using var rig = new Rig(new CpuDevice(2));
        rig.Device.ReserveScratch(rows, headDim, AttentionLayout.MaxHeadDim);
        var cache = Filled(rig, rows + 7, kvHeads, headDim, 1);
        var q = rig.Matrix(queries, rows);
        var whole = rig.Empty(rows, q.Columns);
        rig.Device.Attention(q, cache, 0.125f, [new SequenceSpan(0, rows, 7, 0)], whole);

        foreach (var step in new[] { 1, 16, 77 })
        {
            var parts = rig.Empty(rows, q.Columns);
            for (var first = 0; first < rows; first += step)
            {
                var count = Math.Min(step, rows - first);
                var offset = first * q.Columns * sizeof(float);
                rig.Device.Attention(
                    new Matrix(q.Address + offset, count, q.Columns),
                    cache,
                    0.125f,
                    [new SequenceSpan(0, count, 7, first)],
                    new Matrix(parts.Address + offset, count, q.Columns));
            }

            AssertSameBits(rig.Values(whole), rig.Values(parts));
        }
    }

    [Fact]
    public void AnInfiniteOrNaNCellSpoilsTheRowsThatSeeItAndNoOthers()
    {
        const int rows = 80, headDim = 32;
        foreach (var poison in new[] { float.NaN, 1e30f })
        {
            using var rig = new Rig(new CpuDevice(1));
            rig.Device.ReserveScratch(rows, headDim, AttentionLayout.MaxHeadDim);
            var values = Rig.Random(1, rows * headDim);
            var q = rig.Matrix(values, rows);
            var cache = rig.Cache(rows, 1, headDim);
            SequenceSpan[] span = [new(0, rows, 0, 0)];
            var clean = rig.Empty(rows, headDim);
            rig.Device.StoreKv(q, q, cache, span);
            rig.Device.Attention(q, cache, 0.2f, span, clean);

            values[(40 * headDim) + 5] = poison;
            var y = rig.Empty(rows, headDim);
            rig.Device.StoreKv(q, rig.Matrix(values, rows), cache, span);
            rig.Device.Attention(q, cache, 0.2f, span, y);
            for (var row = 0; row < rows; row++)
            {
                Assert.Equal(row < 40, float.IsFinite(rig.Values(y)[(row * headDim) + 5]));
            }

            AssertSameBits(rig.Values(clean.Top(40)), rig.Values(y.Top(40)));

            // A row alone reads whole blocks where they lie, which only finite ones may.
            for (var row = 0; row < rows; row++)
            {
                var offset = row * headDim * sizeof(float);
                var alone = rig.Empty(1, headDim);
                rig.Device.Attention(new Matrix(q.Address + offset, 1, headDim), cache, 0.2f, [new SequenceSpan(0, 1, 0, row)], alone);
                Assert.Equal(row < 40, float.IsFinite(rig.Values(alone)[5]));
                if (row < 40)
                {
                    AssertSameBits(rig.Values(y).AsSpan(row * headDim, headDim), rig.Values(alone));
                }
            }
        }
    }

    internal static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> seen) =>
        Assert.True(MemoryMarshal.AsBytes(expected).SequenceEqual(MemoryMarshal.AsBytes(seen)), "the bits differ");

    internal static KvLayer Filled(Rig rig, int tokens, int kvHeads, int headDim, float spread)
    {
        // Values that every sequence owns come from the pool's cell alone, so the pool is filled as one sequence.
        var cache = rig.Cache(tokens, kvHeads, headDim);
        using var source = new Rig(new CpuReference());
        var k = rig.Matrix(Rig.Random(3, tokens * kvHeads * headDim, spread), tokens);
        var v = rig.Matrix(Rig.Random(4, tokens * kvHeads * headDim), tokens);
        source.Device.StoreKv(k, v, cache, [new SequenceSpan(0, tokens, 0, 0)]);
        return cache;
    }

    static void AssertMatches(
        int width,
        int headDim,
        int kvHeads,
        int group,
        int tokens,
        int rows,
        SequenceSpan[] sequences,
        int threads,
        float spread = 1,
        float tolerance = 4e-6f)
    {
        var expected = Attention(new CpuReference(), headDim, kvHeads, group, tokens, rows, sequences, spread);
        var seen = Attention(new CpuDevice(threads, width), headDim, kvHeads, group, tokens, rows, sequences, spread);
        Assert.All(expected, value => Assert.True(float.IsFinite(value)));
        Rig.AssertClose(expected, seen, tolerance);
    }

    static float[] Attention(
        IComputeDevice device, int headDim, int kvHeads, int group, int tokens, int rows, SequenceSpan[] sequences, float spread)
    {
        using var rig = new Rig(device);
        device.ReserveScratch(rows, 512, AttentionLayout.MaxHeadDim);
        var columns = kvHeads * group * headDim;
        var cache = Filled(rig, tokens, kvHeads, headDim, spread);
        var y = rig.Empty(rows, columns);
        device.Attention(
            rig.Matrix(Rig.Random(9, rows * columns, spread), rows), cache, 1 / MathF.Sqrt(headDim), sequences, y);
        return rig.Values(y);
    }
}
