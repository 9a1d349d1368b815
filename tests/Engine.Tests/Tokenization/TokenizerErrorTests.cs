using NvStream.Gguf;
using NvStream.Tokenization;
using Xunit;

namespace NvStream.Tests.Tokenization;

public class TokenizerErrorTests
{
    static readonly GgufStringArray Tokens = new(["a", "b", "ab", "<s>"]);

    [Fact]
    public void An_unknown_model_is_unsupported_and_the_message_names_it_and_the_known_ones()
    {
        var error = Error(("model", "bert"), ("tokens", Tokens));
        Assert.Equal("TokenizerUnsupported", error.ErrorId);
        Assert.Contains("'bert'", error.Message);
        Assert.Contains("gpt2, llama", error.Message);
        Assert.NotEmpty(error.Remedy);
    }

    [Fact]
    public void An_unknown_pre_tokenizer_is_unsupported()
    {
        var error = Error(("model", "gpt2"), ("pre", "klingon"), ("tokens", Tokens), ("merges", new GgufStringArray(["a b"])));
        Assert.Equal("TokenizerUnsupported", error.ErrorId);
        Assert.Contains("'klingon' (tokenizer.ggml.pre)", error.Message);
    }

    [Fact]
    public void A_missing_pre_tokenizer_means_the_default()
    {
        var tokenizer = Tokenizer.FromGguf(Vocabularies.Metadata(
            ("model", "gpt2"), ("tokens", Tokens), ("merges", new GgufStringArray(["a b"]))));
        Assert.Equal([2, 0], tokenizer.Encode("aba", false, false));
    }

    [Fact]
    public void Missing_lists_are_named()
    {
        Assert.Contains("tokenizer.ggml.model", Invalid(("tokens", Tokens)));
        Assert.Contains("tokenizer.ggml.tokens", Invalid(("model", "gpt2")));
        Assert.Contains("tokenizer.ggml.tokens is empty", Invalid(("model", "gpt2"), ("tokens", new GgufStringArray([]))));
        Assert.Contains("tokenizer.ggml.merges", Invalid(("model", "gpt2"), ("tokens", Tokens)));
        Assert.Contains("tokenizer.ggml.scores", Invalid(("model", "llama"), ("tokens", Tokens)));
    }

    [Fact]
    public void Lists_of_the_wrong_length_are_named_with_both_lengths()
    {
        var scores = Invalid(("model", "llama"), ("tokens", Tokens), ("scores", new float[3]));
        Assert.Contains("scores has 3 elements for 4 tokens", scores);
        var types = Invalid(("model", "gpt2"), ("tokens", Tokens), ("token_type", new int[5]));
        Assert.Contains("token_type has 5 elements for 4 tokens", types);
    }

    [Theory]
    [InlineData("a c", "the right part of merge 1, 'a c'")]
    [InlineData("c a", "the left part of merge 1, 'c a'")]
    [InlineData("b a", "the result of merge 1, 'b a'")]
    [InlineData("ab", "merge 1, 'ab'")]
    [InlineData("", "merge 1, ''")]
    [InlineData(" ", "merge 1, ' '")]
    [InlineData("a ", "the right part of merge 1, 'a '")]
    public void A_merge_of_no_tokens_is_an_error(string merge, string expected)
    {
        Assert.Contains(expected, Invalid(("model", "gpt2"), ("tokens", Tokens), ("merges", new GgufStringArray(["a b", merge]))));
    }

    [Theory]
    [InlineData("bos_token_id")]
    [InlineData("eos_token_id")]
    [InlineData("eot_token_id")]
    [InlineData("eom_token_id")]
    public void An_id_beyond_the_vocabulary_is_an_error(string key)
    {
        (string, object)[] valid = [("model", "gpt2"), ("tokens", Tokens), ("merges", new GgufStringArray(["a b"]))];
        Assert.Contains($"tokenizer.ggml.{key} is 4, but there are 4 tokens", Invalid([.. valid, (key, 4u)]));
        Assert.Contains($"tokenizer.ggml.{key} is -1", Invalid([.. valid, (key, -1)]));
    }

    [Fact]
    public void A_padding_id_beyond_the_vocabulary_is_no_id()
    {
        (string, object)[] valid = [("model", "gpt2"), ("tokens", Tokens), ("merges", new GgufStringArray(["a b"]))];
        Assert.Null(Tokenizer.FromGguf(Vocabularies.Metadata([.. valid, ("padding_token_id", uint.MaxValue)])).PadId);
        Assert.Equal(3, Tokenizer.FromGguf(Vocabularies.Metadata([.. valid, ("padding_token_id", 3u)])).PadId);
    }

    [Fact]
    public void Flags_without_their_ids_are_an_error()
    {
        (string, object)[] valid = [("model", "gpt2"), ("tokens", Tokens), ("merges", new GgufStringArray(["a b"]))];
        Assert.Contains("add_bos_token is true, but there is no bos_token_id", Invalid([.. valid, ("add_bos_token", true)]));
        Assert.Contains("add_eos_token is true, but there is no eos_token_id", Invalid([.. valid, ("add_eos_token", true)]));
    }

    [Fact]
    public void Equal_tokens_are_an_error_but_empty_ones_are_not()
    {
        var error = Invalid(("model", "gpt2"), ("tokens", new GgufStringArray(["a", "b", "a"])));
        Assert.Contains("tokens 0 and 2 are both 'a'", error);

        var tokenizer = Tokenizer.FromGguf(Vocabularies.Metadata(
            ("model", "gpt2"), ("tokens", new GgufStringArray(["a", "", ""])), ("merges", new GgufStringArray([]))));
        Assert.Equal([0], tokenizer.Encode("a", false, true));
        Assert.Equal("a", tokenizer.Decode([1, 0, 2]));
    }

    [Fact]
    public void Types_and_scores_that_mean_nothing_are_an_error()
    {
        Assert.Contains("token 2 is of type 7", Invalid(("model", "gpt2"), ("tokens", Tokens), ("token_type", new[] { 1, 1, 7, 1 })));
        Assert.Contains("the score of token 1 is not a number",
            Invalid(("model", "llama"), ("tokens", Tokens), ("scores", new[] { 0, float.NaN, 0, 0 })));
    }

    [Fact]
    public void A_value_of_another_type_is_an_error_of_the_file()
    {
        Assert.Throws<GgufException>(() => Tokenizer.FromGguf(Vocabularies.Metadata(("model", "gpt2"), ("tokens", 7))));
        Assert.Throws<GgufException>(() => Tokenizer.FromGguf(Vocabularies.Metadata(("model", 1))));
    }

    static string Invalid(params (string, object)[] values)
    {
        var error = Error(values);
        Assert.Equal("TokenizerInvalid", error.ErrorId);
        return error.Message;
    }

    static TokenizerException Error(params (string, object)[] values) =>
        Assert.Throws<TokenizerException>(() => Tokenizer.FromGguf(Vocabularies.Metadata(values)));
}
