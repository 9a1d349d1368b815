using System.Buffers;
using NvStream.Gguf;

namespace NvStream.Tokenization;

/// <summary>
/// SentencePiece's BPE with scores (tokenizer.ggml.model "llama"): characters merge as long as the result is a token,
/// the one of highest score first; what is no token then is written byte by byte.
/// </summary>
sealed class SentencePieceTokenizer : Tokenizer
{
    // U+2581, which stands for a space in tokens.
    static ReadOnlySpan<byte> Space => "▁"u8;

    readonly uint[] _ranks;
    // The token of each byte, or -1.
    readonly int[] _byteTokens = new int[256];

    public SentencePieceTokenizer(GgufMetadata metadata, Vocabulary vocabulary)
        : this(new TokenizerKeys(metadata, vocabulary.Count), vocabulary)
    {
    }

    SentencePieceTokenizer(TokenizerKeys keys, Vocabulary vocabulary)
        : base(keys, vocabulary, Defaults(vocabulary), addsBos: true)
    {
        AddsSpacePrefix = keys.Flag("add_space_prefix", true);
        _ranks = RankScores(vocabulary);
        Span<byte> name = stackalloc byte[6];
        for (var value = 0; value < 256; value++)
        {
            System.Text.Encoding.ASCII.GetBytes($"<0x{value:X2}>", name);
            var id = vocabulary.Find(name);
            _byteTokens[value] = id >= 0 ? id : vocabulary.Find([(byte)value]);
        }

        Pieces = new TokenPieces(vocabulary.Texts);
        for (var id = 0; id < vocabulary.Count; id++)
        {
            AddPiece(vocabulary.Texts.Utf8(id), vocabulary[id]);
        }
    }

    private protected override TokenPieces Pieces { get; }

    private protected override bool AddsSpacePrefix { get; }

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool afterSpecial, List<int> ids)
    {
        var prefix = AddsSpacePrefix && afterSpecial;
        var pooled = ArrayPool<byte>.Shared.Rent(checked((utf8.Length + 1) * Space.Length));
        var text = pooled.AsSpan(0, Escape(utf8, prefix, pooled));
        // Where each character starts, and where the last one ends.
        var starts = ArrayPool<int>.Shared.Rent(text.Length + 1);
        var count = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if ((text[i] & 0xC0) != 0x80)
            {
                starts[count++] = i;
            }
        }

        starts[count] = text.Length;
        using var merging = new PairMerging();
        var symbols = merging.Reserve(count);
        for (var i = 0; i < count; i++)
        {
            symbols[i].Token = FindPlain(text[starts[i]..starts[i + 1]]);
        }

        merging.Run(count, new Ranker(this, pooled, starts));
        for (var i = 0; i < count; i = symbols[i].Next)
        {
            if (symbols[i].Token >= 0)
            {
                ids.Add(symbols[i].Token);
            }
            else
            {
                AddBytes(text[starts[i]..starts[i + 1]], ids);
            }
        }

        ArrayPool<int>.Shared.Return(starts);
        ArrayPool<byte>.Shared.Return(pooled);
    }

    static int Escape(ReadOnlySpan<byte> utf8, bool prefix, Span<byte> escaped)
    {
        var written = 0;
        if (prefix)
        {
            Space.CopyTo(escaped);
            written = Space.Length;
        }

        foreach (var value in utf8)
        {
            if (value == ' ')
            {
                Space.CopyTo(escaped[written..]);
                written += Space.Length;
            }
            else
            {
                escaped[written++] = value;
            }
        }

        return written;
    }

    // One unknown token a character, if the vocabulary cannot spell it.
    void AddBytes(ReadOnlySpan<byte> character, List<int> ids)
    {
        foreach (var value in character)
        {
            if (_byteTokens[value] < 0)
            {
                if (UnknownId is { } unknown)
                {
                    ids.Add(unknown);
                }

                return;
            }
        }

        foreach (var value in character)
        {
            ids.Add(_byteTokens[value]);
        }
    }

    // Neither a control token nor a byte is ever made from its name in plain text.
    int FindPlain(ReadOnlySpan<byte> text)
    {
        var id = Vocabulary.Find(text);
        return id >= 0 && Vocabulary[id] is not (TokenType.Control or TokenType.Unknown or TokenType.Byte) ? id : -1;
    }

    void AddPiece(ReadOnlySpan<byte> text, TokenType type)
    {
        switch (type)
        {
            case TokenType.Byte when TokenPieces.ByteOf(text) is >= 0 and var value:
                Pieces.Add([(byte)value]);
                break;
            case TokenType.Control or TokenType.Unknown or TokenType.UserDefined:
                Pieces.Add(text);
                break;
            default:
                Pieces.Complete(Unescape(text, Pieces.Free));
                break;
        }
    }

    static int Unescape(ReadOnlySpan<byte> text, Span<byte> piece)
    {
        var written = 0;
        while (!text.IsEmpty)
        {
            var isSpace = text.StartsWith(Space);
            piece[written++] = isSpace ? (byte)' ' : text[0];
            text = text[(isSpace ? Space.Length : 1)..];
        }

        return written;
    }

    // The ids that SentencePiece's trainer gives when nobody asks for others.
    static (int? Bos, int? Eos, int? Unknown) Defaults(Vocabulary vocabulary) =>
        vocabulary.Count > 2 ? (1, 2, 0) : default;

    // Scores as unsigned numbers in opposite order: the highest score is the lowest rank.
    static uint[] RankScores(Vocabulary vocabulary)
    {
        var scores = vocabulary.Scores ?? throw TokenizerException.Invalid("there is no tokenizer.ggml.scores");
        var ranks = new uint[scores.Length];
        for (var id = 0; id < scores.Length; id++)
        {
            if (float.IsNaN(scores[id]))
            {
                throw TokenizerException.Invalid($"the score of token {id} is not a number");
            }

            // Adding zero makes -0 and 0 one rank.
            var bits = BitConverter.SingleToUInt32Bits(scores[id] + 0f);
            ranks[id] = (bits & 0x80000000) != 0 ? bits : ~bits & 0x7FFFFFFF;
        }

        return ranks;
    }

    readonly struct Ranker(SentencePieceTokenizer tokenizer, byte[] text, int[] starts) : IPairRanker
    {
        public uint Rank(int left, int right, int end, out int token)
        {
            token = tokenizer.FindPlain(text.AsSpan(starts[left]..starts[end]));
            return token >= 0 ? tokenizer._ranks[token] : PairMerging.NoMerge;
        }
    }
}
