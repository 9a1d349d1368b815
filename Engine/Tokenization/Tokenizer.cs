using System.Buffers;
using System.Text;
using NvStream.Gguf;
using NvStream.Tokenization.PreTokenization;

namespace NvStream.Tokenization;

/// <summary>
/// Text to token ids and back, by the vocabulary in a GGUF. Ids are those of llama.cpp for the same file. Any
/// thread may use an instance at any time.
/// </summary>
public abstract class Tokenizer
{
    readonly SpecialTokenMatcher _userDefined;
    readonly SpecialTokenMatcher _special;
    readonly int[] _ends;
    // Filled as tokens are shown: the text of each that is whole UTF-8, and NotText for the others.
    readonly string?[] _texts;

    static readonly string NotText = new('\uFFFD', 1);

    /// <param name="defaults">Where the file does not say, likewise <paramref name="addsBos"/>.</param>
    private protected Tokenizer(
        TokenizerKeys keys, Vocabulary vocabulary, (int? Bos, int? Eos, int? Unknown) defaults, bool addsBos)
    {
        Vocabulary = vocabulary;
        BosId = keys.SpecialId("bos_token_id") ?? defaults.Bos;
        EosId = keys.SpecialId("eos_token_id") ?? defaults.Eos;
        UnknownId = keys.HarmlessId("unknown_token_id") ?? defaults.Unknown;
        PadId = keys.HarmlessId("padding_token_id");
        EotId = WellKnownTokens.FindEndOfTurn(keys, vocabulary);
        AddBos = keys.Flag("add_bos_token", addsBos && BosId is not null);
        AddEos = keys.Flag("add_eos_token", false);
        RequireId(AddBos, BosId, "bos");
        RequireId(AddEos, EosId, "eos");
        _ends = WellKnownTokens.FindEndOfGeneration(keys, vocabulary, EosId, EotId, keys.SpecialId("eom_token_id"));

        var userDefined = new List<int>();
        var special = new List<int>();
        for (var id = 0; id < vocabulary.Count; id++)
        {
            if (vocabulary[id] is TokenType.UserDefined)
            {
                userDefined.Add(id);
                special.Add(id);
            }
            else if (vocabulary[id] is TokenType.Control or TokenType.Unknown)
            {
                special.Add(id);
            }
        }

        var strips = StripsRight(keys.ModelName, vocabulary);
        _userDefined = new SpecialTokenMatcher(vocabulary, userDefined, strips);
        _special = new SpecialTokenMatcher(vocabulary, special, strips);
        _texts = new string?[vocabulary.Count];
    }

    public int VocabularySize => Vocabulary.Count;

    /// <summary>Begins a text; null when the vocabulary has none.</summary>
    public int? BosId { get; }

    /// <summary>Ends a text.</summary>
    public int? EosId { get; }

    /// <summary>Ends a turn of a chat, as &lt;|eot_id|&gt; or &lt;|im_end|&gt; do.</summary>
    public int? EotId { get; }

    public int? PadId { get; }

    public int? UnknownId { get; }

    /// <summary>Whether a text is to begin with BOS.</summary>
    public bool AddBos { get; }

    /// <summary>Whether a text is to end with EOS.</summary>
    public bool AddEos { get; }

    /// <summary>The tokens after which there is nothing to generate any more, ascending.</summary>
    public IReadOnlyList<int> EndOfGenerationIds => _ends;

    private protected Vocabulary Vocabulary { get; }

    private protected abstract TokenPieces Pieces { get; }

    /// <summary>Whether encoding puts a space before a text, which decoding takes away again.</summary>
    private protected abstract bool AddsSpacePrefix { get; }

    /// <summary>Makes the tokenizer that tokenizer.ggml.model names. Nothing of the metadata is read later.</summary>
    /// <exception cref="TokenizerException">TokenizerUnsupported or TokenizerInvalid.</exception>
    /// <exception cref="GgufException">GgufInvalid: a value of another type than its key calls for.</exception>
    public static Tokenizer FromGguf(GgufMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        const string key = "tokenizer.ggml.model";
        if (!metadata.TryGetString(key, out var model))
        {
            throw TokenizerException.Invalid($"there is no {key}");
        }

        switch (model)
        {
            case "gpt2":
                var preTokenizer = PreTokenizer.Get(metadata.GetString("tokenizer.ggml.pre", "default"));
                return new BpeTokenizer(metadata, new Vocabulary(metadata), preTokenizer);
            case "llama":
                return new SentencePieceTokenizer(metadata, new Vocabulary(metadata));
            default:
                throw TokenizerException.Unsupported(key, model, ["gpt2", "llama"]);
        }
    }

    /// <summary>Whether a model that emits this token has ended its text or turn.</summary>
    public bool IsEndOfGeneration(int id) => _ends.AsSpan().Contains(id);

    /// <summary>Whether the token marks structure instead of being text, and is hidden by default.</summary>
    public bool IsControl(int id) => Vocabulary[CheckedId(id)] is TokenType.Control or TokenType.Unknown;

    /// <summary>The ids of a text. Lone surrogates are taken for U+FFFD.</summary>
    /// <param name="addSpecial">Adds BOS and EOS where the file's flags say so.</param>
    /// <param name="parseSpecial">Takes the names of control tokens in the text for these tokens, else for plain text.</param>
    public int[] Encode(string text, bool addSpecial, bool parseSpecial)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>();
        if (addSpecial && AddBos)
        {
            ids.Add(BosId!.Value);
        }

        var pooled = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        var utf8 = pooled.AsSpan(0, Encoding.UTF8.GetBytes(text, pooled));
        var segments = new List<Segment>();
        (parseSpecial ? _special : _userDefined).Split(utf8, segments);
        var afterSpecial = true;
        foreach (var segment in segments)
        {
            if (segment.Token >= 0)
            {
                ids.Add(segment.Token);
            }
            else
            {
                EncodeText(utf8[segment.Start..segment.End], afterSpecial, ids);
            }

            afterSpecial = segment.Token >= 0;
        }

        ArrayPool<byte>.Shared.Return(pooled);
        if (addSpecial && AddEos)
        {
            ids.Add(EosId!.Value);
        }

        return [.. ids];
    }

    /// <summary>
    /// One token for people to read: its text, a control token's name, or its bytes as &lt;0xE2&gt;&lt;0x96&gt; where
    /// they are only a part of a character.
    /// </summary>
    public string TokenText(int id)
    {
        var piece = Pieces[CheckedId(id)];
        if (System.Text.Unicode.Utf8.IsValid(piece))
        {
            return Encoding.UTF8.GetString(piece);
        }

        var text = new StringBuilder();
        foreach (var value in piece)
        {
            text.Append($"<0x{value:X2}>");
        }

        return text.ToString();
    }

    /// <summary>
    /// The text of a sequence; bytes that are no UTF-8 become U+FFFD. The space that SentencePiece puts before a text is
    /// taken away.
    /// </summary>
    /// <param name="showControl">Whether control tokens show as their names.</param>
    public string Decode(ReadOnlySpan<int> ids, bool showControl = false)
    {
        var bytes = new ArrayBufferWriter<byte>(Math.Max(ids.Length * 4, 1));
        var atStart = true;
        foreach (var id in ids)
        {
            bytes.Write(Piece(id, showControl, ref atStart));
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <summary>A decoder for the tokens of one sequence as they come.</summary>
    /// <param name="showControl">Whether control tokens show as their names.</param>
    /// <param name="atStart">
    /// Whether the first token begins a text, as in <see cref="Decode"/>. False where the tokens go on with one: then a
    /// space at the front is a real one.
    /// </param>
    public TokenDecoder CreateDecoder(bool showControl = false, bool atStart = true) => new(this, showControl, atStart);

    /// <summary>Appends the ids of text without special tokens in it.</summary>
    /// <param name="utf8">Valid UTF-8, not empty.</param>
    /// <param name="afterSpecial">Whether it begins the text or follows a special token.</param>
    private protected abstract void EncodeText(ReadOnlySpan<byte> utf8, bool afterSpecial, List<int> ids);

    /// <summary>The bytes that a token adds to a text.</summary>
    /// <param name="atStart">Whether no text came before; cleared by the first that does.</param>
    internal ReadOnlySpan<byte> Piece(int id, bool showControl, ref bool atStart)
    {
        if (IsControl(id))
        {
            return showControl ? Pieces[id] : default;
        }

        var piece = Pieces[id];
        var isFirst = atStart;
        atStart = false;
        return isFirst && AddsSpacePrefix && Vocabulary[id] != TokenType.UserDefined && piece.StartsWith((byte)' ')
            ? piece[1..]
            : piece;
    }

    /// <summary>A token's piece as a string that is made once, or null when it is not whole UTF-8.</summary>
    internal string? CachedText(int id)
    {
        // Two threads may both make it; either string will do.
        var text = _texts[id] ??= System.Text.Unicode.Utf8.IsValid(Pieces[id]) ? Encoding.UTF8.GetString(Pieces[id]) : NotText;
        return ReferenceEquals(text, NotText) ? null : text;
    }

    int CheckedId(int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, VocabularySize);
        return id;
    }

    static void RequireId(bool required, int? id, string name)
    {
        if (required && id is null)
        {
            throw TokenizerException.Invalid($"tokenizer.ggml.add_{name}_token is true, but there is no {name}_token_id");
        }
    }

    // Files do not carry this attribute; llama.cpp knows by the model's name that Phi-3 was trained so.
    static Func<int, bool> StripsRight(string modelName, Vocabulary vocabulary)
    {
        if (!modelName.Contains("phi-3", StringComparison.OrdinalIgnoreCase)
            && !modelName.Contains("phi3", StringComparison.OrdinalIgnoreCase))
        {
            return _ => false;
        }

        int[] exceptions = [vocabulary.Find("<unk>"u8), vocabulary.Find("<s>"u8), vocabulary.Find("<|endoftext|>"u8)];
        return id => !exceptions.Contains(id);
    }
}
