using System.Runtime.InteropServices;
using System.Security.Cryptography;
using NvStream.Compute.Cpu.Formats;
using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Gguf;

public class SyntheticModelTests
{
    static readonly SyntheticModel s_small = new()
    {
        EmbeddingLength = 512,
        FeedForwardLength = 1024,
        HeadCount = 8,
        KeyValueHeadCount = 2,
        LayerCount = 2,
        VocabularySize = 1500,
    };

    public static TheoryData<string> Types => [.. SyntheticModel.Types];

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_type_makes_a_file_that_opens(string type)
    {
        using var folder = new TemporaryFolder();
        using var file = Make(folder, s_small with { Type = type });
        Assert.Equal(1 + 2 * 9 + 2, file.Tensors.Count);
        var expected = type[^2..] == "_M" ? type[..^2] : type;
        Assert.Equal(expected, file.FindTensor("blk.0.ffn_up.weight")!.Type.ToString());
        Assert.Equal(type == expected ? type : "Q6_K", file.FindTensor("output.weight")!.Type.ToString());
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Weights_are_finite_centred_and_of_deviation_one_over_root_columns(string type)
    {
        using var folder = new TemporaryFolder();
        using var file = Make(folder, s_small with { Type = type });
        foreach (var name in new[] { "token_embd.weight", "blk.1.ffn_down.weight", "blk.1.ffn_up.weight" })
        {
            var tensor = file.FindTensor(name)!;
            var bytes = new byte[tensor.Bytes];
            file.Read(tensor, 0, bytes);
            var weights = new float[tensor.Elements];
            WeightFormat.For(tensor.Type)!.Dequantize(bytes, weights);

            Assert.True(Array.TrueForAll(weights, float.IsFinite));
            var deviation = Math.Sqrt(weights.Average(x => (double)x * x));
            Assert.InRange(deviation * Math.Sqrt(tensor.Columns), 0.97, 1.03);
            Assert.InRange(weights.Average(x => (double)x) / deviation, -0.12, 0.12);
        }
    }

    [Fact]
    public void No_two_rows_are_equal()
    {
        using var folder = new TemporaryFolder();
        using var file = Make(folder, s_small with { VocabularySize = 20_000, Type = "Q4_K" });
        var tensor = file.FindTensor("output.weight")!;
        var bytes = new byte[tensor.Bytes];
        file.Read(tensor, 0, bytes);
        var rowBytes = bytes.Length / tensor.Rows;
        var rows = Enumerable.Range(0, tensor.Rows).Select(i => Convert.ToHexString(bytes.AsSpan(i * rowBytes, rowBytes)));
        Assert.Equal(tensor.Rows, rows.Distinct().Count());
    }

    [Fact]
    public void Norm_gains_are_one()
    {
        using var folder = new TemporaryFolder();
        using var file = Make(folder, s_small with { Architecture = "qwen3", HeadLength = 128 });
        var norms = file.Tensors.Where(tensor => tensor.Name.EndsWith("norm.weight", StringComparison.Ordinal)).ToList();
        Assert.Equal(2 * 4 + 1, norms.Count);
        foreach (var norm in norms)
        {
            var bytes = new byte[norm.Bytes];
            file.Read(norm, 0, bytes);
            Assert.Equal(TensorType.F32, norm.Type);
            Assert.All(MemoryMarshal.Cast<byte, float>(bytes).ToArray(), x => Assert.Equal(1f, x));
        }
    }

    [Fact]
    public void The_mix_keeps_the_sensitive_tensors_better_where_llama_cpp_does()
    {
        using var quantized = GgufFile.Open(Fixtures.Shared("models/logtriage-Q4_K_M.gguf"));
        var model = new SyntheticModel
        {
            EmbeddingLength = 256,
            FeedForwardLength = 768,
            HeadCount = 8,
            KeyValueHeadCount = 4,
            LayerCount = 8,
            Vocabulary = quantized.Metadata,
            Type = "q4_k_m",
        };
        using var folder = new TemporaryFolder();
        using var file = Make(folder, model);

        Assert.Equal(
            quantized.Tensors.Select(Row).Order(StringComparer.Ordinal), file.Tensors.Select(Row).Order(StringComparer.Ordinal));
        Assert.Equal(
            quantized.Metadata.FindStrings("tokenizer.ggml.tokens")!, file.Metadata.FindStrings("tokenizer.ggml.tokens")!);
        Assert.Equal(15, file.Metadata.GetInt32("general.file_type"));

        static string Row(GgufTensor tensor) => $"{tensor.Name} {tensor.Type} {string.Join('x', tensor.Shape)}";
    }

    [Theory]
    [InlineData("models/tiny-qwen2.gguf", "qwen2", 64)]
    [InlineData("models/tiny-qwen3.gguf", "qwen3", 128)]
    public void Other_architectures_have_the_tensors_of_a_converted_model(string fixture, string architecture, int head)
    {
        using var converted = GgufFile.Open(Fixtures.Shared(fixture));
        using var folder = new TemporaryFolder();
        using var file = Make(folder, new SyntheticModel
        {
            Architecture = architecture,
            EmbeddingLength = 256,
            FeedForwardLength = 512,
            HeadCount = 4,
            KeyValueHeadCount = 2,
            HeadLength = head,
            LayerCount = 4,
            VocabularySize = 1536,
            TiedEmbeddings = converted.FindTensor("output.weight") is null,
            Type = "F16",
        });

        var expected = converted.Tensors.ToDictionary(tensor => tensor.Name, tensor => (tensor.Type, Shape(tensor)));
        Assert.Equal(expected, file.Tensors.ToDictionary(tensor => tensor.Name, tensor => (tensor.Type, Shape(tensor))));
        foreach (var key in converted.Metadata.Keys.Where(key => key.StartsWith(architecture, StringComparison.Ordinal)))
        {
            Assert.True(file.Metadata.ContainsKey(key), $"no {key}");
        }

        static string Shape(GgufTensor tensor) => string.Join('x', tensor.Shape);
    }

    [Fact]
    public void The_seed_decides_every_byte()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(Digest(1), Digest(1));
        Assert.NotEqual(Digest(1), Digest(2));

        string Digest(ulong seed)
        {
            var path = (s_small with { Seed = seed }).Write(folder.File("m.gguf"), new GgufWriteOptions { Overwrite = true })[0];
            return Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)));
        }
    }

    [Fact]
    public void A_split_set_holds_the_same_weights()
    {
        using var folder = new TemporaryFolder();
        using var whole = Make(folder, s_small);
        using var split = GgufFile.Open(s_small.Write(folder.File("s.gguf"), new GgufWriteOptions { Files = 4 })[0]);
        Assert.Equal(4, split.Shards.Count);
        foreach (var tensor in whole.Tensors)
        {
            var (expected, found) = (new byte[tensor.Bytes], new byte[tensor.Bytes]);
            whole.Read(tensor, 0, expected);
            split.Read(split.FindTensor(tensor.Name)!, 0, found);
            Assert.True(expected.AsSpan().SequenceEqual(found), tensor.Name);
        }
    }

    [Theory]
    [InlineData(264)]
    [InlineData(1000)]
    [InlineData(32768)]
    [InlineData(128256)]
    public void The_vocabulary_has_bytes_merges_of_tokens_and_special_tokens(int size)
    {
        var writer = new GgufWriter();
        SyntheticVocabulary.AddTo(writer, size);
        var (header, length) = writer.Header();
        var metadata = GgufParser.Parse("m.gguf", header, length).Metadata;

        var tokens = metadata.FindStrings("tokenizer.ggml.tokens")!.ToList();
        var known = tokens.ToHashSet();
        Assert.Equal(size, tokens.Count);
        Assert.Equal(size, known.Count);
        Assert.Equal(("!", "\u0120", "a"), (tokens['!'], tokens[' '], tokens['a']));
        var merges = metadata.FindStrings("tokenizer.ggml.merges")!;
        Assert.Equal(size - 264, merges.Count);
        foreach (var merge in merges)
        {
            var parts = merge.Split(' ');
            Assert.Equal(2, parts.Length);
            Assert.Contains(parts[0], known);
            Assert.Contains(parts[1], known);
            Assert.Contains(parts[0] + parts[1], known);
        }

        Assert.Equal("<|begin_of_text|>", tokens[metadata.GetInt32("tokenizer.ggml.bos_token_id")]);
        Assert.Equal("<|eot_id|>", tokens[metadata.GetInt32("tokenizer.ggml.eos_token_id")]);
        Assert.Contains("<|user|>", known);
        Assert.Contains("<|assistant|>", known);
        Assert.Equal(size - 8, metadata.FindInt32s("tokenizer.ggml.token_type")!.Count(type => type == 1));
    }

    [Fact]
    public void Byte_tokens_are_those_of_a_real_vocabulary()
    {
        using var real = GgufFile.Open(Fixtures.Shared("tokenizers/ggml-vocab-gpt-2.gguf"));
        var writer = new GgufWriter();
        SyntheticVocabulary.AddTo(writer, 264);
        var (header, length) = writer.Header();
        var made = GgufParser.Parse("m.gguf", header, length).Metadata.FindStrings("tokenizer.ggml.tokens")!;
        Assert.Equal(
            real.Metadata.FindStrings("tokenizer.ggml.tokens")!.Take(256).Order(StringComparer.Ordinal),
            made.Take(256).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Sizes_that_do_not_fit_are_refused()
    {
        Refused(s_small with { Architecture = "gpt2" }, "'gpt2'");
        Refused(s_small with { LayerCount = 0 }, "positive");
        Refused(s_small with { KeyValueHeadCount = 3 }, "8 heads");
        Refused(s_small with { HeadCount = 7, KeyValueHeadCount = 7 }, "512 columns");
        Refused(s_small with { HeadLength = 3 }, "3 columns");
        Refused(s_small with { VocabularySize = 100 }, "100 tokens");
        Refused(s_small with { VocabularySize = 1_000_000 }, "1000000 tokens");
        Refused(s_small with { Type = "Q9" }, "'Q9'");
        Refused(s_small with { FeedForwardLength = 1000 }, "ffn_down.weight' of shape [1000, 512] cannot be stored as Q4_K");
        Assert.Throws<ArgumentException>(() => SyntheticModel.OfShape("2B"));

        static void Refused(SyntheticModel model, string says) =>
            Assert.Contains(says, Assert.Throws<ArgumentException>(model.Describe).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.1B", 1.0e9, 1.2e9)]
    [InlineData("8B", 7.9e9, 8.1e9)]
    [InlineData("70B", 70e9, 71e9)]
    public void A_named_shape_has_that_many_parameters(string shape, double least, double most)
    {
        using var folder = new TemporaryFolder();
        using var file = GgufFile.Open(
            SyntheticModel.OfShape(shape).Write(folder.File("m.gguf"), new GgufWriteOptions { Sparse = true })[0]);
        Assert.InRange(file.Tensors.Sum(tensor => tensor.Elements), least, most);
    }

    static GgufFile Make(TemporaryFolder folder, SyntheticModel model) =>
        GgufFile.Open(model.Write(folder.File("m.gguf"))[0]);
}
