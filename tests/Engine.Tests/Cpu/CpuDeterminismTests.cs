using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Tests.Models;
using Xunit;

namespace NvStream.Tests.Cpu;

/// <summary>A row's result has the same bits whatever rows share its pass and however many threads work.</summary>
public sealed class CpuDeterminismTests
{
    const int Heads = 8;
    const int KvHeads = 2;
    const int HeadDim = 64;
    const int Hidden = Heads * HeadDim;
    const int Context = 320;

    [Fact]
    public void ARowOfSixteenHasTheBitsOfTheRowAlone()
    {
        const int rows = 16;
        var together = Layer(threads: 2, Enumerable.Range(0, rows).ToArray());
        for (var row = 0; row < rows; row++)
        {
            CpuAttentionTests.AssertSameBits(Layer(threads: 2, [row])[0], together[row]);
        }
    }

    [Fact]
    public void TheNumberOfThreadsDoesNotChangeABit()
    {
        var rows = Enumerable.Range(0, 37).ToArray();
        var one = Layer(threads: 1, rows);
        foreach (var threads in new[] { 2, 3, 4, 8 })
        {
            var many = Layer(threads, rows);
            for (var row = 0; row < rows.Length; row++)
            {
                CpuAttentionTests.AssertSameBits(one[row], many[row]);
            }
        }
    }

    /// <summary>A prompt, and then a token at a time, through the whole demo model.</summary>
    [Fact]
    public void TheDemoModelsLogitsHaveTheSameBitsOnAnyNumberOfThreads()
    {
        var one = Logits(1);
        foreach (var threads in new[] { 2, 3, 4, 8 })
        {
            var many = Logits(threads);
            for (var pass = 0; pass < one.Count; pass++)
            {
                CpuAttentionTests.AssertSameBits(one[pass], many[pass]);
            }
        }

        static List<float[]> Logits(int threads)
        {
            const int prompt = 100, decoded = 24;

            // All threads that are asked for, on however few cores.
            using var model = new DecoderHarness(Fixtures.DemoModel, device: new CpuDevice(threads, CpuInfo.VectorBits, processors: threads));
            var random = new Random(1);
            var tokens = Enumerable.Range(0, prompt).Select(_ => random.Next(model.Spec.VocabularySize)).ToArray();
            List<float[]> logits = [model.Run(tokens.AsSpan(0, 64), 0), model.Run(tokens.AsSpan(64), 64)];
            for (var i = 0; i < decoded; i++)
            {
                var likeliest = Array.IndexOf(logits[^1], logits[^1].Max());
                logits.Add(model.Run([likeliest], prompt + i, isDecoding: true));
            }

            return logits;
        }
    }

    /// <summary>
    /// A layer's operations for some of many one-token sequences. Sequence s stands at position 8 s in its own cells.
    /// </summary>
    static float[][] Layer(int threads, int[] sequences)
    {
        using var rig = new Rig(new CpuDevice(threads, CpuInfo.VectorBits, processors: threads));
        var device = rig.Device;
        var rows = sequences.Length;
        device.ReserveScratch(rows, Hidden, AttentionLayout.MaxHeadDim);
        var input = Rig.Random(1, 40 * Hidden);
        var x = rig.Matrix(sequences.SelectMany(s => input[(s * Hidden)..((s + 1) * Hidden)]).ToArray(), rows);
        var spans = sequences.Select((s, i) => new SequenceSpan(i, 1, s * Context, 8 * s)).ToArray();
        var cache = CpuAttentionTests.Filled(rig, 40 * Context, KvHeads, HeadDim, 1);
        var rope = new RopeTable(rig.Vector(Rig.Random(8, HeadDim / 2)).Address, HeadDim, 1, RopeLayout.Halves);
        Weight Weight(TensorType type, int outputs) => new(rig.Bytes(CpuOpsTests.Weights(type, outputs, Hidden)), type, outputs, Hidden);

        var normed = rig.Empty(rows, Hidden);
        var (q, k, v) = (rig.Empty(rows, Hidden), rig.Empty(rows, KvHeads * HeadDim), rig.Empty(rows, KvHeads * HeadDim));
        device.RmsNorm(x, rig.Vector(Rig.Random(2, Hidden)), 1e-5f, normed);
        device.MatMul(
            normed,
            [new(Weight(TensorType.Q4_K, q.Columns), q), new(Weight(TensorType.Q8_0, k.Columns), k), new(Weight(TensorType.F16, v.Columns), v)]);
        device.AddBias(q, rig.Vector(Rig.Random(3, Hidden)));
        device.Rope(q, HeadDim, rope, spans);
        device.Rope(k, HeadDim, rope, spans);
        device.StoreKv(k, v, cache, spans);
        var attended = rig.Empty(rows, Hidden);
        device.Attention(q, cache, 0.1f, spans, attended);

        var (gate, up) = (rig.Empty(rows, 1000), rig.Empty(rows, 1000));
        device.MatMul(attended, [new(Weight(TensorType.Q6_K, 1000), gate), new(Weight(TensorType.F32, 1000), up)]);
        device.SwiGlu(gate, up, up);
        device.Add(x, attended);
        var (left, right) = (rig.Values(x), rig.Values(up));
        return [.. Enumerable.Range(0, rows).Select(r =>
            (float[])[.. left[(r * Hidden)..((r + 1) * Hidden)], .. right[(r * 1000)..((r + 1) * 1000)]])];
    }
}
