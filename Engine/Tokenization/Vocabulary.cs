using NvStream.Gguf;

namespace NvStream.Tokenization;

/// <summary>
/// The token list of a file (docs/gguf.md, tokenizer.ggml.*): texts as they stand in it, types, scores, special ids.
/// </summary>
sealed class Vocabulary
{
    const string Prefix = TokenizerKeys.Prefix;
    const int ShownCharacters = 60;

    readonly TokenType[] _types;
    readonly Utf8Index _index;

    /// <exception cref="TokenizerException">TokenizerInvalid.</exception>
    public Vocabulary(GgufMetadata metadata)
    {
        Texts = metadata.FindStrings(Prefix + "tokens") ?? throw TokenizerException.Invalid($"there is no {Prefix}tokens");
        if (Texts.Count == 0)
        {
            throw TokenizerException.Invalid($"{Prefix}tokens is empty");
        }

        _types = ReadTypes(metadata);
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
                throw TokenizerException.Invalid($"tokens {other} and {id} are both '{Show(Texts, id)}'");
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

    /// <summary>Bytes of the longest token.</summary>
    public int LongestText => _index.Longest;

    /// <summary>The id of the token with exactly these bytes, of whatever type, or -1.</summary>
    public int Find(ReadOnlySpan<byte> text) => _index.Find(text);

    /// <summary>A string for a message, cut if it is long.</summary>
    public static string Show(GgufStringArray strings, int index) =>
        strings[index] is { Length: > ShownCharacters } text ? text[..ShownCharacters] + "…" : strings[index];

    TokenType[] ReadTypes(GgufMetadata metadata)
    {
        var types = new TokenType[Texts.Count];
        if (metadata.FindInt32s(Prefix + "token_type") is not { } numbers)
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
