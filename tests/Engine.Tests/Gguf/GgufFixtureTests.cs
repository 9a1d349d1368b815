using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Gguf;

/// <summary>Real files, written by llama.cpp's converter and quantizer.</summary>
public class GgufFixtureTests
{
    [Theory]
    [InlineData("models/logtriage-IQ3_S.gguf", 75, 24, 3259648)]
    [InlineData("models/logtriage-IQ4_XS.gguf", 75, 24, 3969280)]
    [InlineData("models/logtriage-Q2_K.gguf", 75, 24, 2820352)]
    [InlineData("models/logtriage-Q3_K_M.gguf", 75, 24, 3581184)]
    [InlineData("models/logtriage-Q4_0.gguf", 75, 24, 4147456)]
    [InlineData("models/logtriage-Q4_K_M.gguf", 75, 24, 4384000)]
    [InlineData("models/logtriage-Q5_K_M.gguf", 75, 24, 5104896)]
    [InlineData("models/logtriage-Q6_K.gguf", 75, 24, 5870848)]
    [InlineData("models/logtriage-Q8_0.gguf", 75, 24, 7585024)]
    [InlineData("models/logtriage-draft-f16.gguf", 21, 23, 3981408)]
    [InlineData("models/logtriage-f16.gguf", 75, 23, 14220480)]
    [InlineData("models/tiny-llama31.gguf", 39, 21, 5559296)]
    [InlineData("models/tiny-mixtral.gguf", 33, 23, 12253920)]
    [InlineData("models/tiny-qwen2.gguf", 50, 21, 5567872)]
    [InlineData("models/tiny-qwen3.gguf", 46, 23, 7136608)]
    [InlineData("models/tiny-qwen3moe.gguf", 27, 26, 9497088)]
    [InlineData("tokenizers/ggml-vocab-deepseek-coder.gguf", 0, 25, 1156067)]
    [InlineData("tokenizers/ggml-vocab-gpt-2.gguf", 0, 16, 1766807)]
    [InlineData("tokenizers/ggml-vocab-llama-spm.gguf", 0, 22, 723869)]
    [InlineData("tokenizers/ggml-vocab-starcoder.gguf", 0, 19, 1719346)]
    public void Opens_with_the_counts_that_the_header_states(string fixture, int tensors, int keys, long size)
    {
        using var file = GgufFile.Open(Fixtures.Shared(fixture));

        Assert.Equal(3u, file.Version);
        Assert.Equal(tensors, file.Tensors.Count);
        Assert.Equal(keys, file.Metadata.Count);
        Assert.Equal(size, file.Size);
        Assert.Single(file.Shards);
    }

    [Fact]
    public void Tells_what_the_demo_model_is()
    {
        using var file = GgufFile.Open(Fixtures.Shared("models/logtriage-Q4_K_M.gguf"));
        var metadata = file.Metadata;

        Assert.Equal("llama", metadata.GetString("general.architecture"));
        Assert.Equal(256, metadata.GetInt32("llama.embedding_length"));
        Assert.Equal(1e-5f, metadata.GetSingle("llama.attention.layer_norm_rms_epsilon"));
        Assert.True(metadata.GetBoolean("tokenizer.ggml.add_bos_token", false));
        var tokens = metadata.FindStrings("tokenizer.ggml.tokens");
        Assert.NotNull(tokens);
        Assert.Equal(1536, tokens.Count);
        Assert.Equal("!", tokens[0]);
        Assert.Equal("<|eot_id|>", tokens[1517]);
        Assert.Equal(1259, metadata.FindStrings("tokenizer.ggml.merges")!.Count);
        Assert.Equal(1536, metadata.FindInt32s("tokenizer.ggml.token_type")!.Length);
        Assert.Null(metadata.FindSingles("tokenizer.ggml.scores"));
    }

    [Fact]
    public void Finds_tensors_where_the_header_puts_them()
    {
        using var file = GgufFile.Open(Fixtures.Shared("models/logtriage-Q4_K_M.gguf"));

        var down = file.FindTensor("blk.0.ffn_down.weight");
        Assert.NotNull(down);
        Assert.Equal(TensorType.Q6_K, down.Type);
        Assert.Equal([768L, 256L], down.Shape);
        Assert.Equal((768, 256, 768L * 256), (down.Columns, down.Rows, down.Elements));
        Assert.Equal(768 / 256 * 210 * 256, down.Bytes);
        Assert.Equal(664832 - 0, down.Offset - file.FindTensor("output.weight")!.Offset);
        var last = file.FindTensor("blk.7.ffn_up.weight")!;
        Assert.Equal(file.Size, last.Offset + last.Bytes);
        Assert.Null(file.FindTensor("blk.8.ffn_up.weight"));
    }

    [Fact]
    public void Reads_a_tensor_piece_by_piece_as_the_file_holds_it()
    {
        var path = Fixtures.Shared("models/logtriage-Q8_0.gguf");
        using var file = GgufFile.Open(path);
        var tensor = file.FindTensor("blk.3.attn_q.weight")!;

        var bytes = new byte[tensor.Bytes];
        file.Read(tensor, 0, bytes.AsSpan(0, 1000));
        file.Read(tensor, 1000, bytes.AsSpan(1000));

        using var stream = File.OpenRead(path);
        stream.Position = tensor.Offset;
        var expected = new byte[tensor.Bytes];
        stream.ReadExactly(expected);
        Assert.Equal(expected, bytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(tensor, 1, bytes));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(tensor, -1, bytes.AsSpan(0, 1)));
    }
}
