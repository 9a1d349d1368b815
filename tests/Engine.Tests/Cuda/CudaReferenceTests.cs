using NvStream.Tests.Models;

namespace NvStream.Tests.Cuda;

/// <summary>The forward pass on the GPU against llama.cpp's logits and greedy continuations of the same files.</summary>
[Collection(SerialCollection.Name)]
public sealed class CudaReferenceTests
{
    [Theory]
    [InlineData("logtriage-f16", 2e-3)]
    [InlineData("logtriage-Q8_0", 1e-2)]
    [InlineData("logtriage-Q4_K_M", 1e-2)]
    [InlineData("tiny-llama31", 1e-2)]
    [InlineData("tiny-qwen2", 1e-2)]
    public void Logits_are_those_of_the_reference_as_prompt_and_as_decoded_tokens(string model, double tolerance)
    {
        using var harness = Open(model);
        ReferenceTests.AssertLogits(harness, model, tolerance, isDecoding: false);
        ReferenceTests.AssertLogits(harness, model, tolerance, isDecoding: true);
    }

    [Theory]
    [MemberData(nameof(ReferenceTests.Models), MemberType = typeof(ReferenceTests))]
    public void Greedy_tokens_are_those_of_the_reference_up_to_the_first_near_tie(string model)
    {
        using var harness = Open(model);
        ReferenceTests.AssertGreedyTokens(harness, model);
    }

    [Fact]
    public void Log_probabilities_of_qwen3_are_those_of_the_reference()
    {
        using var harness = Open("tiny-qwen3");
        ReferenceTests.AssertLogProbabilities(harness);
    }

    static DecoderHarness Open(string model) => new(Fixtures.Shared($"models/{model}.gguf"), device: Gpu.Open());
}
