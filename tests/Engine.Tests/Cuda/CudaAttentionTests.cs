using System.Runtime.InteropServices;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Tests.Cpu;

namespace NvStream.Tests.Cuda;

/// <summary>Attention on the GPU: prefill and decode against the CPU device, and against themselves in other company.</summary>
[Collection(SerialCollection.Name)]
public sealed class CudaAttentionTests
{
    const double Tolerance = 1e-3;

    public static TheoryData<int, int, int> Heads => new()
    {
        { 128, 8, 4 }, { 128, 8, 8 }, { 64, 4, 8 }, { 64, 2, 1 }, { 80, 3, 2 }, { 96, 2, 3 }, { 256, 2, 4 }, { 32, 4, 2 }, { 16, 2, 2 }, { 128, 1, 7 },
        { 128, 1, 40 }, { 13, 2, 3 }, { 512, 1, 2 },
    };

    [Theory]
    [MemberData(nameof(Heads))]
    public void Mixed_passes_match_the_CPU(int headDim, int kvHeads, int group)
    {
        SequenceSpan[] sequences =
        [
            new(0, 1, 0, 0, true), new(1, 1, 10, 255, true), new(2, 1, 300, 256, true), new(3, 1, 600, 1023, true), new(4, 2, 1700, 63, true),
            new(6, 1, 1800, 5), new(7, 64, 1900, 0), new(71, 130, 2000, 37), new(201, 77, 2200, 900),
        ];
        Matches(headDim, kvHeads, group, 3300, sequences);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(32)]
    public void Long_contexts_match_the_CPU(int sequencesInPass)
    {
        const int length = 8192;
        var sequences = Enumerable.Range(0, sequencesInPass).Select(i => new SequenceSpan(i, 1, 5 + i, length - 1 - 17 * i, true)).ToArray();
        Matches(128, 8, 4, length + 100, sequences);
    }

    [Fact]
    public void Prefill_of_a_long_context_matches_the_CPU() => Matches(128, 2, 4, 8200, [new(0, 300, 8, 7892)]);

    [Theory]
    [InlineData(128, 4)]
    [InlineData(64, 8)]
    [InlineData(80, 2)]
    public void A_row_has_the_same_bits_however_prompts_are_cut_and_whoever_shares_the_pass(int headDim, int group)
    {
        const int kvHeads = 2, length = 300, tokens = 1400;
        using var rig = Gpu.OpenRig(length + 8, kvHeads * group * headDim, headDim);
        var cache = Filled(rig, tokens, kvHeads, headDim, 1);
        var queries = Gpu.Activations((length + 8) * kvHeads * group * headDim, 2);
        var columns = kvHeads * group * headDim;
        var whole = Attend(rig, queries[..(length * columns)], cache, [new(0, length, 7, 0)]);
        foreach (var step in new[] { 1, 16, 77, 128 })
        {
            for (var first = 0; first < length; first += step)
            {
                var count = Math.Min(step, length - first);
                var part = Attend(rig, queries[(first * columns)..((first + count) * columns)], cache, [new(0, count, 7, first)]);
                Assert.Equal(whole[(first * columns)..((first + count) * columns)], part);
                first += step == 1 ? 36 : 0;
            }
        }

        var alone = Attend(rig, queries[..columns], cache, [new(0, 1, 7, 1300, true)]);
        SequenceSpan[] company = [new(0, 1, 7, 1300, true), new(1, 1, 3, 40, true), new(2, 1, 100, 700, true), new(3, length, 7, 0)];
        var together = Attend(rig, queries[..((length + 3) * columns)], cache, company);
        Assert.Equal(alone, together[..columns]);
    }

    [Fact]
    public void Large_scores_do_not_overflow() =>
        Matches(64, 2, 2, 400, [new(0, 1, 0, 299, true), new(1, 70, 300, 0)], spread: 40, tolerance: 5e-3);

    static void Matches(int headDim, int kvHeads, int group, int tokens, SequenceSpan[] sequences, float spread = 1, double tolerance = Tolerance)
    {
        var rows = sequences.Sum(s => s.RowCount);
        var queries = Gpu.Activations(rows * kvHeads * group * headDim, rows).Select(v => v * spread).ToArray();
        using var gpu = Gpu.OpenRig(rows, kvHeads * group * headDim, headDim);
        using var cpu = Gpu.OpenCpuRig(rows, Math.Max(256, kvHeads * group * headDim), headDim);
        var expected = Attend(cpu, queries, Filled(cpu, tokens, kvHeads, headDim, spread), sequences);
        var seen = Attend(gpu, queries, Filled(gpu, tokens, kvHeads, headDim, spread), sequences);
        Gpu.AssertClose(expected, seen, tolerance);
    }

    static float[] Attend(Rig rig, float[] queries, KvLayer cache, SequenceSpan[] sequences)
    {
        var rows = sequences.Sum(s => s.RowCount);
        var q = rig.Matrix(queries, rows);
        var poison = new float[queries.Length];
        Array.Fill(poison, float.NaN);
        var y = rig.Matrix(poison, rows);
        rig.Device.BeginPass(sequences, []);
        rig.Device.Attention(q, cache, 1 / MathF.Sqrt(cache.HeadDim), sequences, y);
        return rig.Values(y);
    }

    static KvLayer Filled(Rig rig, int tokens, int kvHeads, int headDim, float spread)
    {
        var cells = tokens * kvHeads * headDim;
        return new(Half(3, spread), Half(4, 1), tokens, kvHeads, headDim);

        nint Half(int seed, float size) =>
            rig.Bytes(MemoryMarshal.AsBytes(Gpu.Activations(cells, seed).Select(v => (System.Half)(v * size)).ToArray().AsSpan()));
    }
}
