using System.Text;
using NvStream.Gguf;
using NvStream.Tokenization;
using Xunit;

namespace NvStream.Tests.Tokenization;

/// <summary>Merging by a heap against merging by the definition.</summary>
public class MergeTests
{
    [Fact]
    public void Bpe_merges_the_lowest_rank_first_and_of_equals_the_leftmost()
    {
        var random = new Random(5);
        for (var round = 0; round < 60; round++)
        {
            var merges = RandomMerges(random, 30);
            var tokenizer = Vocabularies.Bpe("gpt-2", merges, []);
            for (var i = 0; i < 20; i++)
            {
                var word = new string(random.GetItems<char>("abc", random.Next(1, 60)));
                var expected = MergeByDefinition(
                    word, (left, right) => -Array.IndexOf(merges, left + " " + right) is <= 0 and var rank ? rank : null);
                var ids = tokenizer.Encode(word, false, false);
                Assert.Equal(expected, ids.Select(tokenizer.TokenText));
            }
        }
    }

    [Fact]
    public void SentencePiece_merges_the_highest_score_first_and_of_equals_the_leftmost()
    {
        var random = new Random(6);
        for (var round = 0; round < 60; round++)
        {
            // Few distinct scores, so that ties are common; also -0 and 0.
            float[] scores = [-3, -2, -1, -0f, 0, 2.5f];
            var texts = RandomMerges(random, 30).Select(x => x.Replace(" ", "")).Concat(["a", "b", "c"]).Distinct().ToArray();
            var tokens = texts.Select(text => (text, scores[random.Next(scores.Length)], TokenType.Normal)).ToArray();
            var tokenizer = Vocabularies.SentencePiece(tokens, ("add_space_prefix", false));
            for (var i = 0; i < 20; i++)
            {
                var word = new string(random.GetItems<char>("abc", random.Next(1, 60)));
                var expected = MergeByDefinition(
                    word, (left, right) => Array.IndexOf(texts, left + right) is >= 0 and var id ? tokens[id].Item2 : null);
                var ids = tokenizer.Encode(word, false, false);
                Assert.Equal(expected, ids.Select(tokenizer.TokenText));
            }
        }
    }

    [Fact]
    public void A_word_that_is_a_token_is_taken_whole_only_where_merges_are_ignored()
    {
        // "abc" cannot be reached: "b c" merges before "a b".
        string[] merges = ["b c", "a b", "ab c"];
        Assert.Equal([258], Vocabularies.Bpe("llama-bpe", merges, [], ("add_bos_token", false)).Encode("abc", false, false));
        Assert.Equal(['a', 256], Vocabularies.Bpe("smaug-bpe", merges, []).Encode("abc", false, false));
    }

    [Fact]
    public void A_merge_may_lead_to_an_added_token()
    {
        // Converters list added tokens by their raw text: two spaces, which merges write 'ĠĠ'.
        string[] tokens = [.. Vocabularies.Bytes, "  ", "ĠĠĠĠ"];
        int[] types = [.. Enumerable.Repeat(1, 256), (int)TokenType.UserDefined, 1];
        var tokenizer = Tokenizer.FromGguf(Vocabularies.Metadata(
            ("model", "gpt2"), ("pre", "gpt-2"), ("tokens", new GgufStringArray(tokens)), ("token_type", types),
            ("merges", new GgufStringArray(["Ġ Ġ", "ĠĠ ĠĠ"]))));
        Assert.Equal([256, 256, ' '], tokenizer.Encode("     ", false, false));
        Assert.Equal("     ", tokenizer.Decode([256, 256, ' ']));
    }

    [Fact]
    public void Characters_without_a_token_fall_back_to_bytes_and_then_to_unknown()
    {
        var tokenizer = Vocabularies.SentencePiece([("a", 0, TokenType.Normal)], ("add_space_prefix", false));
        Assert.Equal([259, 3 + 0xC3, 3 + 0xA9, 259], tokenizer.Encode("aéa", false, false));
        Assert.Equal("aéa", tokenizer.Decode([259, 3 + 0xC3, 3 + 0xA9, 259]));

        var noBytes = Tokenizer.FromGguf(Vocabularies.Metadata(
            ("model", "llama"), ("tokens", new GgufStringArray(["<unk>", "<s>", "</s>", "a"])), ("scores", new float[4]),
            ("token_type", new[] { 2, 3, 3, 1 }), ("add_space_prefix", false)));
        Assert.Equal([3, 0, 3], noBytes.Encode("aéa", false, false));
    }

    [Fact]
    public void SentencePiece_puts_a_space_before_text_at_the_start_and_after_special_tokens()
    {
        var tokenizer = Vocabularies.SentencePiece([("▁", -1, TokenType.Normal), ("a", -1, TokenType.Normal), ("▁a", 0, TokenType.Normal)]);
        Assert.Equal([1, 261], tokenizer.Encode("a", true, false));
        Assert.Equal([1, 259, 261], tokenizer.Encode(" a", true, false));
        Assert.Equal([1, 261, 2, 261, 261], tokenizer.Encode("a</s>a a", true, true));
        Assert.Equal([1], tokenizer.Encode("", true, true));
        Assert.Equal("a", tokenizer.Decode([1, 261]));
        Assert.Equal(" a", tokenizer.Decode([1, 259, 261]));
        Assert.Equal("a a", tokenizer.Decode([261, 261]));
        Assert.Equal("<s>a", tokenizer.Decode([1, 261], showControl: true));
    }

    static string[] RandomMerges(Random random, int count)
    {
        var symbols = new List<string> { "a", "b", "c" };
        var merges = new List<string>();
        for (var i = 0; i < count; i++)
        {
            var left = symbols[random.Next(symbols.Count)];
            var right = symbols[random.Next(symbols.Count)];
            symbols.Add(left + right);
            merges.Add($"{left} {right}");
        }

        return [.. merges.Distinct()];
    }

    static List<string> MergeByDefinition(string word, Func<string, string, float?> priority)
    {
        var symbols = word.EnumerateRunes().Select(rune => rune.ToString()).ToList();
        while (true)
        {
            var best = -1;
            float? highest = null;
            for (var i = 0; i + 1 < symbols.Count; i++)
            {
                var found = priority(symbols[i], symbols[i + 1]);
                if (found is not null && (highest is null || found > highest))
                {
                    (best, highest) = (i, found);
                }
            }

            if (best < 0)
            {
                return symbols;
            }

            symbols[best] += symbols[best + 1];
            symbols.RemoveAt(best + 1);
        }
    }
}
