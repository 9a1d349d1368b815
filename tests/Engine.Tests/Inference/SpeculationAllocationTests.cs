using NvStream.Inference;

namespace NvStream.Tests.Inference;

/// <summary>Passes that verify proposed tokens allocate no more than passes without: the text that is handed out, and nothing else.</summary>
[Collection(SerialCollection.Name)]
public sealed class SpeculationAllocationTests
{
    const string Log = "2024-08-10T04:05:34Z store-24 postgres: replica of billing lags by 645 seconds";

    [Theory]
    [InlineData(SpeculationMode.None)]
    [InlineData(SpeculationMode.Lookup)]
    [InlineData(SpeculationMode.Draft)]
    [InlineData(SpeculationMode.Auto)]
    public async Task Passes_that_decode_allocate_the_text_alone(SpeculationMode mode)
    {
        var token = TestContext.Current.CancellationToken;
        using var model = StreamModel.Load(
            Fixtures.Shared("models/logtriage-Q8_0.gguf"),
            new() { ContextLength = 256, DraftModel = Fixtures.Shared("models/logtriage-draft-f16.gguf") }, null, token);
        var (most, best) = (0, long.MaxValue);
        for (var attempt = 0; attempt < 12 && best != 0; attempt++)
        {
            // Early attempts compile, and see the text of each token for the first time.
            var (pieces, first, last, text) = (0, 0L, 0L, 0L);
            await model.SubmitAsync(
                new()
                {
                    Raw = true,
                    Prompt = $"<|user|>{Log}<|eot_id|><|assistant|>",
                    MaxTokens = 110,
                    Sampling = new() { Temperature = 0 },
                    Speculate = mode,
                    OnText = piece =>
                    {
                        last = GC.GetAllocatedBytesForCurrentThread();
                        (first, text) = pieces++ == 0 ? (last, 0) : (first, text + BytesOf(piece));
                    },
                },
                token);
            (most, best) = (Math.Max(most, pieces), Math.Min(best, last - first - text));
        }

        Assert.True(most > 20, $"{most} pieces of text");
        Assert.Equal(0, best);
    }

    /// <summary>Of a string on a heap of 64-bit words: its header, type, length and characters with the zero behind them.</summary>
    static long BytesOf(string text) => (22 + (2 * text.Length) + 7) & ~7;
}
