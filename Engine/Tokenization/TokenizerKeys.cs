using NvStream.Gguf;

namespace NvStream.Tokenization;

/// <summary>The single values under tokenizer.ggml, names without this prefix; ids are checked against the vocabulary.</summary>
readonly struct TokenizerKeys(GgufMetadata metadata, int tokenCount)
{
    public const string Prefix = "tokenizer.ggml.";

    /// <summary>general.name, or nothing.</summary>
    public string ModelName => metadata.GetString("general.name", "");

    public bool Flag(string name, bool fallback) => metadata.GetBoolean(Prefix + name, fallback);

    /// <summary>The id under this key, or null when the file does not say. One beyond the vocabulary is an error.</summary>
    public int? SpecialId(string name)
    {
        if (!metadata.TryGetInt32(Prefix + name, out var id))
        {
            return null;
        }

        return id >= 0 && id < tokenCount
            ? id
            : throw TokenizerException.Invalid($"{Prefix}{name} is {id}, but there are {tokenCount} tokens");
    }

    /// <summary>The same for ids that nothing hangs on: files with a padding id of -1 or beyond the last are common.</summary>
    public int? HarmlessId(string name) =>
        metadata.TryGetValue(Prefix + name, out var value) && value is int or uint
        && Convert.ToInt64(value) is var id && id >= 0 && id < tokenCount
            ? (int)id
            : null;
}
