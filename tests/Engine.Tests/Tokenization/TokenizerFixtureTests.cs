using System.Text.Json;
using Xunit;

namespace NvStream.Tests.Tokenization;

/// <summary>Ids that llama.cpp gives for the same files and texts.</summary>
public class TokenizerFixtureTests
{
    [Theory]
    [InlineData("deepseek-coder")]
    [InlineData("gpt-2")]
    [InlineData("llama-spm")]
    [InlineData("starcoder")]
    public void Ids_equal_the_reference_of_the_vocabulary(string name)
    {
        var tokenizer = Vocabularies.Shared($"tokenizers/ggml-vocab-{name}.gguf");
        var cases = ReadCases(name);
        Assert.Equal(46, cases.Length);
        foreach (var (text, ids) in cases)
        {
            Assert.Equal(ids, tokenizer.Encode(text, addSpecial: false, parseSpecial: false));
        }
    }

    [Theory]
    [InlineData("deepseek-coder")]
    [InlineData("gpt-2")]
    [InlineData("llama-spm")]
    [InlineData("starcoder")]
    public void Decoding_gives_the_reference_texts_back(string name)
    {
        var tokenizer = Vocabularies.Shared($"tokenizers/ggml-vocab-{name}.gguf");
        foreach (var (text, ids) in ReadCases(name))
        {
            Assert.Equal(text, tokenizer.Decode(ids));
        }
    }

    [Fact]
    public void Ids_equal_the_reference_of_the_llama_bpe_vocabulary()
    {
        var tokenizer = Vocabularies.Shared("models/logtriage-f16.gguf");
        using var document = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Shared("tokenizers/logtriage-llama-bpe.json")));
        var cases = document.RootElement.GetProperty("cases").EnumerateArray().ToArray();
        Assert.True(cases.Length > 40);
        foreach (var item in cases)
        {
            var text = item.GetProperty("text").GetString()!;
            var ids = Ids(item.GetProperty("tokens"));
            Assert.Equal(ids, tokenizer.Encode(text, addSpecial: true, parseSpecial: true));
            Assert.Equal(text, tokenizer.Decode(ids));
        }
    }

    [Theory]
    [InlineData("logtriage-Q4_K_M")]
    [InlineData("logtriage-draft-f16")]
    [InlineData("tiny-llama31")]
    [InlineData("tiny-mixtral")]
    [InlineData("tiny-qwen2")]
    [InlineData("tiny-qwen3")]
    [InlineData("tiny-qwen3moe")]
    public void Ids_of_prompts_equal_the_reference_of_the_model(string name)
    {
        var tokenizer = Vocabularies.Shared($"models/{name}.gguf");
        using var document = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Shared($"reference/{name}.json")));
        var cases = document.RootElement.GetProperty("cases").EnumerateArray().ToArray();
        Assert.NotEmpty(cases);
        foreach (var item in cases)
        {
            var prompt = item.GetProperty("prompt").GetString()!;
            var ids = tokenizer.Encode(prompt, addSpecial: true, parseSpecial: true);
            Assert.Equal(Ids(item.GetProperty("tokens")), ids);
            Assert.Equal(prompt, tokenizer.Decode(ids.AsSpan(1), showControl: true));
        }
    }

    [Fact]
    public void Special_ids_and_flags_are_those_of_the_file()
    {
        var tokenizer = Vocabularies.Demo();
        Assert.Equal(1536, tokenizer.VocabularySize);
        Assert.Equal(1515, tokenizer.BosId);
        Assert.Equal(1517, tokenizer.EosId);
        Assert.Equal(1517, tokenizer.EotId);
        Assert.Equal(1521, tokenizer.PadId);
        Assert.Null(tokenizer.UnknownId);
        Assert.True(tokenizer.AddBos);
        Assert.False(tokenizer.AddEos);
        Assert.Equal([1516, 1517], tokenizer.EndOfGenerationIds);
        Assert.True(tokenizer.IsEndOfGeneration(1516));
        Assert.False(tokenizer.IsEndOfGeneration(1519));
    }

    [Fact]
    public void Threads_may_share_a_tokenizer()
    {
        var tokenizer = Vocabularies.Demo();
        const string text = "<|user|>2024-08-06T04:36:48Z auth-64 kubelet: naïve 🦙 日本語<|eot_id|>";
        var ids = tokenizer.Encode(text, true, true);
        Parallel.For(0, 2000, _ =>
        {
            Assert.Equal(ids, tokenizer.Encode(text, true, true));
            var decoder = tokenizer.CreateDecoder(showControl: true);
            Assert.Equal("<|begin_of_text|>" + text, string.Concat(ids.Select(decoder.Append)));
        });
    }

    static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(x => x.GetInt32())];

    static (string Text, int[] Ids)[] ReadCases(string name)
    {
        var path = Fixtures.Shared($"tokenizers/ggml-vocab-{name}.gguf");
        var texts = File.ReadAllText(path + ".inp").Split("\n__ggml_vocab_test__\n");
        var ids = File.ReadAllLines(path + ".out")
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse).ToArray());
        return [.. texts.Zip(ids, (text, line) => (text, line))];
    }
}
