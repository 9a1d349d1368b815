using System.Diagnostics;
using System.Text;
using NvStream.Gguf;
using NvStream.Tokenization;
using Xunit;

namespace NvStream.Tests.Tokenization;

/// <summary>Texts and vocabularies of a size or shape that would hang a careless tokenizer.</summary>
public class TokenizerSpeedTests(ITestOutputHelper output)
{
    const int Megabyte = 1 << 20;

    // Quadratic time would be minutes; what a slow and busy machine takes for a linear one is far below this.
    static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    public static TheoryData<string> HostileTexts => ["a", " ", "\n", " \n", "🚀", "<|", "<|eot_id|>", "<|reserved_1", "é", "ÉA", "中", "1", "'", "'s", "\0", "ab ", "e\u0301"];

    [Theory]
    [MemberData(nameof(HostileTexts))]
    public void A_megabyte_of_the_same_takes_linear_time_with_llama_bpe(string unit) => AssertQuick(Vocabularies.Demo(), unit);

    [Theory]
    [MemberData(nameof(HostileTexts))]
    public void A_megabyte_of_the_same_takes_linear_time_with_sentencepiece(string unit) =>
        AssertQuick(Vocabularies.Shared("tokenizers/ggml-vocab-llama-spm.gguf"), unit);

    [Theory]
    [MemberData(nameof(HostileTexts))]
    public void A_megabyte_of_the_same_takes_linear_time_with_gpt_2(string unit) =>
        AssertQuick(Vocabularies.Shared("tokenizers/ggml-vocab-gpt-2.gguf"), unit);

    [Theory]
    [InlineData("default")]
    [InlineData("falcon")]
    [InlineData("deepseek-llm")]
    [InlineData("deepseek-coder")]
    [InlineData("deepseek-v3")]
    [InlineData("tekken")]
    [InlineData("gpt-4o")]
    [InlineData("qwen35")]
    public void Every_pre_tokenizer_takes_linear_time(string pre)
    {
        var tokenizer = Vocabularies.Bpe(pre, ["a a", "Ġ Ġ"], [], ("add_bos_token", false));
        foreach (var unit in HostileTexts)
        {
            AssertQuick(tokenizer, ((ITheoryDataRow)unit).GetData()[0]!.ToString()!, Megabyte / 4);
        }
    }

    [Fact]
    public void Many_added_tokens_within_each_other_take_linear_time()
    {
        // As in vocabularies that add runs of spaces.
        var added = Enumerable.Range(2, 60).Select(count => (new string(' ', count), TokenType.UserDefined)).ToArray();
        var tokenizer = Vocabularies.Bpe("gpt-2", [], added);
        AssertQuick(tokenizer, " ");
        AssertQuick(tokenizer, "  x");
        Assert.Equal([315, 315, 256 + 3], tokenizer.Encode(new string(' ', 61 + 61 + 5), false, false));
    }

    [Fact]
    public void Loading_128k_tokens_and_280k_merges_is_quick_and_small()
    {
        var metadata = LargeVocabulary(128_000, 280_000);
        Tokenizer.FromGguf(metadata);

        var best = TimeSpan.MaxValue;
        var allocated = 0L;
        for (var attempt = 0; attempt < 5; attempt++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Tokenizer? tokenizer = null;
            var time = ThreadTime(() => tokenizer = Tokenizer.FromGguf(metadata));
            best = time < best ? time : best;
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.Equal(128_000, tokenizer!.VocabularySize);
        }

        output.WriteLine($"{best.TotalMilliseconds:F0} ms, {allocated / 1e6:F1} MB");
        Assert.True(allocated < 100_000_000, $"{allocated} bytes");
        Assert.True(best < TimeSpan.FromSeconds(2.5), $"{best}");
    }

    void AssertQuick(Tokenizer tokenizer, string unit, int size = Megabyte)
    {
        var text = new StringBuilder().Insert(0, unit, size / Encoding.UTF8.GetByteCount(unit)).ToString();
        int[] ids = [];
        var time = ThreadTime(() => ids = tokenizer.Encode(text, addSpecial: false, parseSpecial: true));

        Assert.Equal(text, tokenizer.Decode(ids, showControl: true));
        output.WriteLine($"{time.TotalMilliseconds:F0} ms");
        Assert.True(time < s_limit, $"{unit}: {time}");
    }

    // What the thread itself ran, where the system tells: other work on the machine is no fault of ours.
    static TimeSpan ThreadTime(Action action)
    {
        const string schedule = "/proc/thread-self/schedstat";
        static TimeSpan Run() => File.Exists(schedule)
            ? TimeSpan.FromTicks(long.Parse(File.ReadAllText(schedule).Split(' ')[0]) / TimeSpan.NanosecondsPerTick)
            : TimeSpan.FromSeconds(Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency);

        var before = Run();
        action();
        return Run() - before;
    }

    // Words of eleven letters' alphabet, shortest first, and merges at every cut of them.
    static GgufMetadata LargeVocabulary(int tokenCount, int mergeCount)
    {
        var tokens = new List<string>(Vocabularies.Bytes);
        var words = Enumerable.Range('a', 11).Select(letter => ((char)letter).ToString()).ToList();
        var letters = words.ToArray();
        for (var i = 0; tokens.Count < tokenCount; i++)
        {
            var longer = letters.Select(letter => words[i] + letter).ToArray();
            words.AddRange(longer);
            tokens.AddRange(longer);
        }

        tokens.RemoveRange(tokenCount, tokens.Count - tokenCount);
        var merges = tokens.Skip(256)
            .SelectMany(token => Enumerable.Range(1, token.Length - 1).Select(cut => $"{token[..cut]} {token[cut..]}"))
            .Take(mergeCount).ToArray();
        Assert.Equal(mergeCount, merges.Length);
        return Vocabularies.Metadata(
            ("model", "gpt2"), ("pre", "llama-bpe"), ("tokens", new GgufStringArray(tokens)), ("bos_token_id", 0u),
            ("token_type", Enumerable.Repeat(1, tokens.Count).ToArray()), ("merges", new GgufStringArray(merges)));
    }
}
