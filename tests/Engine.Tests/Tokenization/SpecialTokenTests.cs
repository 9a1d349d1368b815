using System.Text;
using NvStream.Gguf;
using NvStream.Tokenization;
using Xunit;

namespace NvStream.Tests.Tokenization;

public class SpecialTokenTests
{
    static readonly (string, TokenType)[] Chat =
        [("<|user|>", TokenType.Control), ("<|eot_id|>", TokenType.Control), ("<think>", TokenType.UserDefined), ("<|u", TokenType.UserDefined)];

    [Fact]
    public void Control_tokens_are_matched_only_on_request_and_user_defined_ones_always()
    {
        var tokenizer = Vocabularies.Bpe("llama-bpe", [], Chat, ("add_bos_token", false));
        var user = 256;
        Assert.Equal([user, 'h', 'i', user + 1, user + 2], tokenizer.Encode("<|user|>hi<|eot_id|><think>", false, parseSpecial: true));

        var plain = tokenizer.Encode("<|user|><think>", false, parseSpecial: false);
        Assert.Equal([user + 3, 's', 'e', 'r', '|', '>', user + 2], plain);
    }

    [Fact]
    public void A_word_that_is_a_control_token_stays_text_where_merges_are_ignored()
    {
        var tokenizer = Vocabularies.Bpe("llama-bpe", ["s t"], [("stop", TokenType.Control)], ("add_bos_token", false));
        Assert.Equal([256, 'o', 'p'], tokenizer.Encode("stop", false, parseSpecial: false));
        Assert.Equal([257], tokenizer.Encode("stop", false, parseSpecial: true));
    }

    [Fact]
    public void A_control_token_is_not_spelled_by_scores_either()
    {
        var tokenizer = Vocabularies.SentencePiece([("<s", -1, TokenType.Normal), ("<", -2, TokenType.Normal), ("s", -2, TokenType.Normal), (">", -2, TokenType.Normal)], ("add_space_prefix", false));
        Assert.Equal([259, 262], tokenizer.Encode("<s>", false, parseSpecial: false));
        Assert.Equal([1], tokenizer.Encode("<s>", false, parseSpecial: true));
    }

    [Fact]
    public void The_longest_token_is_taken_before_the_leftmost()
    {
        var tokenizer = Vocabularies.Bpe("gpt-2", [], [("ab", TokenType.UserDefined), ("bcd", TokenType.UserDefined)]);
        Assert.Equal(['a', 257], tokenizer.Encode("abcd", false, false));
        Assert.Equal([256, 'c', 257], tokenizer.Encode("abcbcd", false, false));
    }

    [Fact]
    public void Matching_equals_the_search_for_one_token_after_another()
    {
        var random = new Random(11);
        for (var round = 0; round < 3000; round++)
        {
            string[] names = [.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => Letters(random, 1, 5)).Distinct()];
            var vocabulary = new Vocabulary(Vocabularies.Metadata(("tokens", new GgufStringArray(names))));
            var strips = random.Next(2) == 0;
            var matcher = new SpecialTokenMatcher(vocabulary, Enumerable.Range(0, names.Length), _ => strips);
            var text = Letters(random, 0, 30);

            var segments = new List<Segment>();
            matcher.Split(Encoding.UTF8.GetBytes(text), segments);

            var shown = segments.Select(x => x.Token < 0 ? text[x.Start..x.End] : $"#{x.Token}");
            Assert.Equal(Partition(text, names, strips), shown);
        }
    }

    [Fact]
    public void Phi_3_takes_white_space_after_its_tokens()
    {
        var added = new[] { ("<|end|>", TokenType.Control), ("<|endoftext|>", TokenType.Control) };
        var tokenizer = Vocabularies.Bpe("gpt-2", [], added, ("general.name", "Phi-3 mini"));
        Assert.Equal([256, 'x', 257, '\n', 'y'], tokenizer.Encode("<|end|> \n\tx<|endoftext|>\ny", false, true));
    }

    [Theory]
    [InlineData("<|eot_id|>")]
    [InlineData("<|im_end|>")]
    [InlineData("<|end_of_text|>")]
    [InlineData("<|endoftext|>")]
    [InlineData("</s>")]
    [InlineData("<end_of_turn>")]
    [InlineData("<|end|>")]
    [InlineData("<|eom_id|>")]
    [InlineData("<｜end▁of▁sentence｜>")]
    public void Well_known_names_end_generation_and_become_control_tokens(string name)
    {
        var tokenizer = Vocabularies.Bpe("gpt-2", [], [(name, TokenType.Normal), ("<other>", TokenType.Control)]);
        Assert.Equal([256], tokenizer.EndOfGenerationIds);
        Assert.True(tokenizer.IsEndOfGeneration(256));
        Assert.False(tokenizer.IsEndOfGeneration(257));
        Assert.True(tokenizer.IsControl(256));
        Assert.Equal("", tokenizer.Decode([256]));
        Assert.Equal(name, tokenizer.Decode([256], showControl: true));
    }

    [Fact]
    public void End_of_turn_is_what_the_file_says_or_else_the_likeliest_name()
    {
        var added = new[] { ("<|endoftext|>", TokenType.Control), ("<|im_end|>", TokenType.Control), ("<x>", TokenType.Control) };
        Assert.Equal(257, Vocabularies.Bpe("qwen2", [], added).EotId);
        var said = Vocabularies.Bpe("qwen2", [], added, ("eot_token_id", 258u));
        Assert.Equal(258, said.EotId);
        Assert.Equal([256, 257, 258], said.EndOfGenerationIds);
    }

    [Fact]
    public void Where_messages_return_or_call_the_inner_end_does_not_end_generation()
    {
        var added = new[] { ("<|end|>", TokenType.Control), ("<|return|>", TokenType.Control), ("<|call|>", TokenType.Control), ("<|channel|>", TokenType.Control) };
        var tokenizer = Vocabularies.Bpe("gpt-4o", [], added, ("eos_token_id", 257u));
        Assert.Equal([257, 258], tokenizer.EndOfGenerationIds);
        Assert.Equal("<|channel|>x<|end|>", tokenizer.Decode([259, 'x', 256, 257]));
    }

    [Fact]
    public void Flags_of_the_file_add_bos_and_eos()
    {
        var added = new[] { ("<s>", TokenType.Control), ("</s>", TokenType.Control) };
        (string, object)[] ids = [("bos_token_id", 256u), ("eos_token_id", 257u)];
        Assert.Equal([256, 'a'], Vocabularies.Bpe("llama-bpe", [], added, ids).Encode("a", true, false));
        Assert.Equal(['a'], Vocabularies.Bpe("qwen2", [], added, ids).Encode("a", true, false));
        Assert.Equal(['a', 257], Vocabularies.Bpe("qwen2", [], added, [.. ids, ("add_eos_token", true)]).Encode("a", true, false));
        Assert.Equal(['a'], Vocabularies.Bpe("qwen2", [], added, [.. ids, ("add_eos_token", true)]).Encode("a", false, false));
        Assert.Equal([256, 257], Vocabularies.Bpe("qwen2", [], added, [.. ids, ("add_bos_token", true), ("add_eos_token", true)]).Encode("", true, false));
    }

    static string Letters(Random random, int min, int max) => new(random.GetItems<char>("ab  <", random.Next(min, max)));

    // llama.cpp's way: for each token, longest first, cut every part that is still text at each occurrence.
    static List<string> Partition(string text, string[] names, bool strips)
    {
        var parts = new List<string> { text };
        foreach (var (name, id) in names.Select((name, id) => (name, id)).OrderByDescending(x => x.name.Length).ThenBy(x => x.id))
        {
            for (var i = 0; i < parts.Count; i++)
            {
                var at = parts[i].StartsWith('#') ? -1 : parts[i].IndexOf(name, StringComparison.Ordinal);
                if (at < 0)
                {
                    continue;
                }

                var right = parts[i][(at + name.Length)..];
                string[] cut = [parts[i][..at], $"#{id}", strips ? right.TrimStart(' ') : right];
                parts.RemoveAt(i);
                parts.InsertRange(i, cut.Where(part => part.Length > 0));
                // Go on right of the token.
                i = parts.IndexOf($"#{id}", i);
            }
        }

        return [.. parts.Where(part => part.Length > 0)];
    }
}
