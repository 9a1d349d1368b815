using System.Runtime.InteropServices;
using System.Text.Json;
using NvStream.Inference;

namespace NvStream.Tests.Models;

/// <summary>The forward pass against llama.cpp's logits and greedy continuations of the same files.</summary>
public sealed class ReferenceTests
{
    /// <summary>A greedy step closer than this between the two best logits may go either way.</summary>
    const double NearTie = 0.05;

    public static TheoryData<string> Models => new(
        "logtriage-f16", "logtriage-draft-f16", "logtriage-Q8_0", "logtriage-Q6_K", "logtriage-Q5_K_M", "logtriage-Q4_K_M", "logtriage-Q4_0",
        "logtriage-Q3_K_M", "logtriage-Q2_K", "logtriage-IQ4_XS", "logtriage-IQ3_S", "tiny-llama31", "tiny-qwen2", "tiny-qwen3");

    [Theory]
    [InlineData("logtriage-f16", 2e-3)]
    [InlineData("logtriage-Q8_0", 1e-2)]
    [InlineData("logtriage-Q4_K_M", 1e-2)]
    [InlineData("tiny-llama31", 1e-2)]
    [InlineData("tiny-qwen2", 1e-2)]
    public void Logits_of_every_position_are_those_of_the_reference(string model, double tolerance)
    {
        using var harness = new DecoderHarness(Fixtures.Shared($"models/{model}.gguf"));
        AssertLogits(harness, model, tolerance, isDecoding: false);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Greedy_tokens_are_those_of_the_reference_up_to_the_first_near_tie(string model)
    {
        using var harness = new DecoderHarness(Fixtures.Shared($"models/{model}.gguf"));
        AssertGreedyTokens(harness, model);
    }

    [Fact]
    public void Log_probabilities_of_qwen3_are_those_of_the_reference()
    {
        using var harness = new DecoderHarness(Fixtures.Shared("models/tiny-qwen3.gguf"));
        AssertLogProbabilities(harness);
    }

    /// <summary>Token by token, as prompt or as decoded ones.</summary>
    internal static void AssertLogits(DecoderHarness harness, string model, double tolerance, bool isDecoding)
    {
        var reference = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Fixtures.Shared($"reference/{model}.logits.f32")));
        var tokens = Cases(model)[0].Tokens;
        Assert.Equal(reference.Length, tokens.Length * harness.Spec.VocabularySize);

        double difference = 0, norm = 0;
        for (var p = 0; p < tokens.Length; p++)
        {
            var logits = harness.Run([tokens[p]], p, isDecoding);
            var expected = reference.Slice(p * logits.Length, logits.Length);
            for (var i = 0; i < logits.Length; i++)
            {
                difference += Math.Pow(logits[i] - expected[i], 2);
                norm += Math.Pow(expected[i], 2);
            }
        }

        var error = Math.Sqrt(difference / norm);
        TestContext.Current.TestOutputHelper?.WriteLine($"{model}: relative L2 error {error:E2}");
        Assert.InRange(error, 0, tolerance);
    }

    internal static void AssertGreedyTokens(DecoderHarness harness, string model)
    {
        foreach (var (tokens, greedy, gaps) in Cases(model))
        {
            var logits = harness.Run(tokens, 0);
            for (var i = 0; i < greedy.Length && gaps[i] >= NearTie; i++)
            {
                Assert.Equal(greedy[i], Sampler.IndexOfLargest(logits));
                logits = harness.Run([greedy[i]], tokens.Length + i, isDecoding: true);
            }
        }
    }

    internal static void AssertLogProbabilities(DecoderHarness harness)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Shared("reference/tiny-qwen3.json")));
        foreach (var item in json.RootElement.GetProperty("cases").EnumerateArray())
        {
            var tokens = Ints(item.GetProperty("tokens"));
            var logits = harness.Run(tokens, 0);
            var total = Math.Log(logits.Sum(l => Math.Exp(l - (double)logits.Max()))) + logits.Max();
            foreach (var entry in item.GetProperty("logprob_top8_last").EnumerateArray())
            {
                Assert.Equal(entry[1].GetDouble(), logits[entry[0].GetInt32()] - total, 0.02);
            }
        }
    }

    [Theory]
    [InlineData("logtriage-Q4_K_M")]
    [InlineData("tiny-qwen3")]
    public void Chunks_single_tokens_and_streamed_layers_give_the_same_bits(string model)
    {
        var path = Fixtures.Shared($"models/{model}.gguf");
        var tokens = Cases(model)[0].Tokens;
        using var resident = new DecoderHarness(path);
        var whole = resident.Run(tokens, 0);
        Assert.Equal(0, resident.Plan.BytesPerPass);

        using var streamed = new DecoderHarness(path, Fixtures.LeastBudget(path, 256));
        Assert.True(streamed.Plan.BytesPerPass > 0);
        float[] stepwise = [];
        for (var p = 0; p < tokens.Length; p++)
        {
            stepwise = streamed.Run([tokens[p]], p);
        }

        Assert.Equal(whole, stepwise);
        Assert.Equal(streamed.Plan.BytesPerPass * tokens.Length, streamed.Weights.BytesConsumed);
    }

    internal static List<(int[] Tokens, int[] Greedy, double[] Gaps)> Cases(string model)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Shared($"reference/{model}.json")));
        return [.. json.RootElement.GetProperty("cases").EnumerateArray().Select(c => (
            Ints(c.GetProperty("tokens")), Ints(c.GetProperty("greedy")), c.GetProperty("gaps").EnumerateArray().Select(g => g.GetDouble()).ToArray()))];
    }

    static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];
}
