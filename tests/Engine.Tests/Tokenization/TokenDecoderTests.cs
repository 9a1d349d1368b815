using System.Text;
using NvStream.Tokenization;
using Xunit;

namespace NvStream.Tests.Tokenization;

public class TokenDecoderTests
{
    const string Multilingual = "naïve 🦙🚀 日本語 κόσμος עולם 👨‍👩‍👧‍👦 e\u0301 \u0000\n\t" + "нещо កាន់តែ ½ ℝ𐐀";

    [Fact]
    public void Text_across_tokens_comes_out_whole_and_equal_to_decoding_all()
    {
        var tokenizer = Vocabularies.Demo();
        var ids = tokenizer.Encode(Multilingual, addSpecial: true, parseSpecial: false);
        // The demo vocabulary has no token for most of these characters: bytes it must be.
        Assert.True(ids.Length > Multilingual.Length);
        Assert.Equal(Multilingual, tokenizer.Decode(ids));
        AssertStreams(tokenizer, ids, Multilingual);
    }

    [Theory]
    [InlineData("deepseek-coder")]
    [InlineData("gpt-2")]
    [InlineData("llama-spm")]
    [InlineData("starcoder")]
    public void Text_across_tokens_comes_out_whole_with_every_vocabulary(string name)
    {
        var tokenizer = Vocabularies.Shared($"tokenizers/ggml-vocab-{name}.gguf");
        var ids = tokenizer.Encode(Multilingual, false, false);
        Assert.Equal(Multilingual, tokenizer.Decode(ids));
        AssertStreams(tokenizer, ids, Multilingual);
    }

    [Fact]
    public void Random_texts_survive_encoding_and_decoding()
    {
        var tokenizer = Vocabularies.Demo();
        var random = new Random(99);
        for (var round = 0; round < 500; round++)
        {
            var text = RandomText(random);
            var ids = tokenizer.Encode(text, addSpecial: false, parseSpecial: false);
            Assert.Equal(text, tokenizer.Decode(ids));
            AssertStreams(tokenizer, ids, text);
        }
    }

    [Fact]
    public void Random_texts_survive_sentencepiece()
    {
        var tokenizer = Vocabularies.Shared("tokenizers/ggml-vocab-llama-spm.gguf");
        var random = new Random(98);
        for (var round = 0; round < 500; round++)
        {
            // The character that stands for a space comes back as one.
            var text = RandomText(random).Replace('▁', '_');
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text, addSpecial: true, parseSpecial: false)));
        }
    }

    [Fact]
    public void Random_tokens_never_throw_and_stream_as_they_decode()
    {
        var tokenizer = Vocabularies.Bpe("gpt-2", [], [("<|end|>", TokenType.Control)]);
        var random = new Random(123);
        // Bytes that begin, go on with and cannot be in characters, in every order.
        int[] hard = [0x41, 0x7F, 0x80, 0x9F, 0xA0, 0xBF, 0xC0, 0xC3, 0xE0, 0xE2, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF, 256];
        for (var round = 0; round < 5000; round++)
        {
            var ids = random.GetItems(hard, random.Next(0, 24));
            foreach (var showControl in new[] { false, true })
            {
                var whole = tokenizer.Decode(ids, showControl);
                var decoder = tokenizer.CreateDecoder(showControl);
                var streamed = string.Concat(ids.Select(decoder.Append)) + decoder.Flush();
                Assert.Equal(whole, streamed);
                Assert.Equal(-1, IndexOfLoneSurrogate(streamed));
            }
        }
    }

    [Fact]
    public void A_byte_is_replaced_as_soon_as_nothing_can_complete_it()
    {
        var decoder = Vocabularies.Bpe("gpt-2", [], []).CreateDecoder();
        Assert.Equal("", decoder.Append(0xF0));
        Assert.Equal("", decoder.Append(0x9F));
        Assert.Equal("\uFFFDA", decoder.Append('A'));
        Assert.Equal("\uFFFD", decoder.Append(0x80));
        Assert.Equal("\uFFFD", decoder.Append(0xC0));
        Assert.Equal("", decoder.Append(0xE2));
        Assert.Equal("", decoder.Append(0x82));
        Assert.Equal("€", decoder.Append(0xAC));
        Assert.Equal("", decoder.Append(0xE2));
        Assert.Equal("\uFFFD", decoder.Flush());
        Assert.Equal("", decoder.Flush());
    }

    [Fact]
    public void A_hidden_control_token_does_not_tear_a_character()
    {
        var tokenizer = Vocabularies.Bpe("gpt-2", [], [("<x>", TokenType.Control)]);
        var decoder = tokenizer.CreateDecoder();
        Assert.Equal("", decoder.Append(0xC3));
        Assert.Equal("", decoder.Append(256));
        Assert.Equal("é", decoder.Append(0xA9));
    }

    [Fact]
    public void Tokens_that_go_on_with_a_text_keep_their_space()
    {
        var tokenizer = Vocabularies.SentencePiece([("▁a", 0, TokenType.Normal)]);
        Assert.Equal("a", tokenizer.CreateDecoder().Append(259));
        Assert.Equal(" a", tokenizer.CreateDecoder(atStart: false).Append(259));
        var decoder = tokenizer.CreateDecoder();
        Assert.Equal("", decoder.Append(1));
        Assert.Equal("a", decoder.Append(259));
        Assert.Equal(" a", decoder.Append(259));
    }

    [Fact]
    public void Appending_tokens_seen_before_allocates_nothing()
    {
        var tokenizer = Vocabularies.Demo();
        var ids = tokenizer.Encode("2024-08-06T04:36:48Z auth-64 kubelet: Successfully pulled image", true, true);
        var decoder = tokenizer.CreateDecoder();
        foreach (var id in ids.Concat(ids))
        {
            decoder.Append(id);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        var length = 0;
        for (var round = 0; round < 100; round++)
        {
            foreach (var id in ids)
            {
                length += decoder.Append(id).Length;
            }
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(length > 100);
    }

    [Fact]
    public void A_token_shows_as_its_text_its_name_or_its_bytes()
    {
        var tokenizer = Vocabularies.Bpe("gpt-2", ["Ġ a"], [("<|x|>", TokenType.Control)]);
        Assert.Equal(" a", tokenizer.TokenText(256));
        Assert.Equal("<|x|>", tokenizer.TokenText(257));
        Assert.Equal("<0xC3>", tokenizer.TokenText(0xC3));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.TokenText(258));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([-1]));
    }

    [Fact]
    public void Lone_surrogates_are_encoded_as_replacement_characters()
    {
        var tokenizer = Vocabularies.Demo();
        Assert.Equal(tokenizer.Encode("a\uFFFDb\uFFFD", true, true), tokenizer.Encode("a\uD83Db\uDE00", true, true));
    }

    static void AssertStreams(Tokenizer tokenizer, int[] ids, string text)
    {
        var decoder = tokenizer.CreateDecoder();
        var streamed = new StringBuilder();
        foreach (var id in ids)
        {
            var piece = decoder.Append(id);
            Assert.DoesNotContain('\uFFFD', piece);
            Assert.Equal(-1, IndexOfLoneSurrogate(piece));
            streamed.Append(piece);
        }

        Assert.Equal("", decoder.Flush());
        Assert.Equal(text, streamed.ToString());
    }

    static int IndexOfLoneSurrogate(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(text[i]))
            {
                return i;
            }
        }

        return -1;
    }

    static string RandomText(Random random)
    {
        var text = new StringBuilder();
        for (var i = random.Next(60); i > 0; i--)
        {
            var value = random.Next(4) switch
            {
                0 => random.Next(0x20, 0x7F),
                1 => random.Next(0x80, 0x800),
                2 => random.Next(0x800, 0xD800),
                _ => random.Next(0x10000, 0x110000),
            };
            text.Append(char.ConvertFromUtf32(value));
        }

        return text.ToString();
    }
}
