using System.Text;
using NvStream.Gguf;
using NvStream.Tokenization;
using Xunit;

namespace NvStream.Tests.Tokenization;

/// <summary>Tokenizers to test with: of files, and small ones made here.</summary>
static class Vocabularies
{
    public static Tokenizer Load(string path)
    {
        using var file = GgufFile.Open(path);
        return Tokenizer.FromGguf(file.Metadata);
    }

    public static Tokenizer Shared(string name) => Load(Fixtures.Shared(name));

    /// <summary>The demo model's: llama-bpe, 1536 tokens, in every clone.</summary>
    public static Tokenizer Demo() =>
        Load(Path.Combine(Fixtures.Repository, "examples", "models", "logtriage-q4_k_m.gguf"));

    public static GgufMetadata Metadata(params (string Key, object Value)[] values)
    {
        var metadata = new GgufMetadata("test.gguf");
        foreach (var (key, value) in values)
        {
            Assert.True(metadata.TryAdd(key.Contains('.') ? key : "tokenizer.ggml." + key, value, 0));
        }

        return metadata;
    }

    /// <summary>Byte-level BPE: the 256 bytes as ids 0 to 255, then the results of the merges, then added tokens.</summary>
    /// <param name="merges">In stand-ins, as "Ġ a".</param>
    public static Tokenizer Bpe(
        string pre, string[] merges, (string Text, TokenType Type)[] added, params (string Key, object Value)[] values)
    {
        string[] tokens = [.. Bytes, .. merges.Select(merge => merge.Replace(" ", "")).Distinct(), .. added.Select(x => x.Text)];
        var types = new int[tokens.Length];
        Array.Fill(types, (int)TokenType.Normal);
        for (var i = 0; i < added.Length; i++)
        {
            types[tokens.Length - added.Length + i] = (int)added[i].Type;
        }

        return Tokenizer.FromGguf(Metadata(
        [
            ("model", "gpt2"), ("pre", pre), ("tokens", new GgufStringArray(tokens)), ("token_type", types),
            ("merges", new GgufStringArray(merges)), .. values,
        ]));
    }

    /// <summary>SentencePiece: unk, bos, eos, the 256 bytes, then these.</summary>
    public static Tokenizer SentencePiece((string Text, float Score, TokenType Type)[] tokens, params (string Key, object Value)[] values)
    {
        (string Text, float Score, TokenType Type)[] all =
        [
            ("<unk>", 0, TokenType.Unknown), ("<s>", 0, TokenType.Control), ("</s>", 0, TokenType.Control),
            .. Enumerable.Range(0, 256).Select(x => ($"<0x{x:X2}>", 0f, TokenType.Byte)), .. tokens,
        ];
        return Tokenizer.FromGguf(Metadata(
        [
            ("model", "llama"), ("tokens", new GgufStringArray([.. all.Select(x => x.Text)])),
            ("scores", all.Select(x => x.Score).ToArray()), ("token_type", all.Select(x => (int)x.Type).ToArray()), .. values,
        ]));
    }

    /// <summary>What each byte is written as in a byte-level vocabulary, in order of bytes.</summary>
    public static string[] Bytes { get; } = MakeBytes();

    static string[] MakeBytes()
    {
        var standIns = new string[256];
        var buffer = new byte[2];
        for (var value = 0; value < 256; value++)
        {
            standIns[value] = Encoding.UTF8.GetString(buffer, 0, ByteAlphabet.Encode([(byte)value], buffer));
        }

        return standIns;
    }
}
