using NvStream.Gguf;

namespace NvStream.Tokenization;

/// <summary>
/// The token list of a file (docs/gguf.md, tokenizer.ggml.*): texts as they stand in it, types, scores, special ids.
/// </summary>
sealed class Vocabulary
{
    const string Prefix = "tokenizer.ggml.";

    readonly GgufMetadata _metadata;
    readonly TokenType[] _types;
    readonly Utf8Index _index;

    /// <exception cref="TokenizerException">TokenizerInvalid.</exception>
    public Vocabulary(GgufMetadata metadata)
    {
        _metadata = metadata;
        Texts = metadata.FindStrings(Prefix + "tokens") ?? throw TokenizerException.Invalid($"there is no {Prefix}tokens");
        if (Texts.Count == 0)
        {
            throw TokenizerException.Invalid($"{Prefix}tokens is empty");
        }

        _types = ReadTypes();
        Scores = metadata.FindSingles(Prefix + "scores");
        if (Scores is not null && Scores.Length != Texts.Count)
        {
            throw WrongLength("scores", Scores.Length);
        }

        _index = new Utf8Index(Texts);
        for (var id = 0; id < Texts.Count; id++)
        {
            // Some converters pad with empty strings; no text can mean one of them.
            if (!Texts.Utf8(id).IsEmpty && _index.TryAdd(id) is >= 0 and var other)
            {
                throw TokenizerException.Invalid($"tokens {other} and {id} are both '{Texts[id]}'");
            }
        }
    }

    public GgufStringArray Texts { get; }

    public int Count => Texts.Count;

    /// <summary>One a token, or null when the file has none.</summary>
    public float[]? Scores { get; }

    public TokenType this[int id]
    {
        get => _types[id];
        set => _types[id] = value;
    }

    /// <summary>The id of the token with exactly these bytes, of whatever type, or -1.</summary>
    public int Find(ReadOnlySpan<byte> text) => _index.Find(text);

    /// <summary>The id under this key, or null when the file does not say. One beyond the vocabulary is an error.</summary>
    /// <param name="name">Key without the prefix, as bos_token_id.</param>
    public int? SpecialId(string name)
    {
        if (!_metadata.TryGetInt32(Prefix + name, out var id))
        {
            return null;
        }

        return id >= 0 && id < Count
            ? id
            : throw TokenizerException.Invalid($"{Prefix}{name} is {id}, but there are {Count} tokens");
    }

    /// <summary>As <see cref="SpecialId"/> for ids that nothing hangs on: files with a padding id of -1 or Count are common.</summary>
    public int? HarmlessId(string name) =>
        _metadata.TryGetValue(Prefix + name, out var value) && value is int or uint
        && Convert.ToInt64(value) is var id && id >= 0 && id < Count
            ? (int)id
            : null;

    public bool Flag(string name, bool fallback) => _metadata.GetBoolean(Prefix + name, fallback);

    TokenType[] ReadTypes()
    {
        var types = new TokenType[Texts.Count];
        if (_metadata.FindInt32s(Prefix + "token_type") is not { } numbers)
        {
            Array.Fill(types, TokenType.Normal);
            return types;
        }

        if (numbers.Length != types.Length)
        {
            throw WrongLength("token_type", numbers.Length);
        }

        for (var id = 0; id < types.Length; id++)
        {
            types[id] = numbers[id] is >= 0 and <= (int)TokenType.Byte
                ? (TokenType)numbers[id]
                : throw TokenizerException.Invalid($"token {id} is of type {numbers[id]}; known are 0 to {(int)TokenType.Byte}");
        }

        return types;
    }

    TokenizerException WrongLength(string name, int length) =>
        TokenizerException.Invalid($"{Prefix}{name} has {length} elements for {Count} tokens");
}
