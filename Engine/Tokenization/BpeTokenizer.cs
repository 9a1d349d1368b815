using System.Buffers;
using NvStream.Gguf;
using NvStream.Tokenization.PreTokenization;

namespace NvStream.Tokenization;

/// <summary>Byte-level byte pair encoding: GPT-2, Llama 3, Qwen and others (tokenizer.ggml.model "gpt2").</summary>
sealed class BpeTokenizer : Tokenizer
{
    readonly PreTokenizer _preTokenizer;
    readonly MergeTable _merges;
    // The token of each single byte, or -1: such a byte becomes the unknown token, or is lost if there is none.
    readonly int[] _byteTokens = new int[256];

    public BpeTokenizer(GgufMetadata metadata, Vocabulary vocabulary, PreTokenizer preTokenizer)
        : base(new TokenizerKeys(metadata, vocabulary.Count), vocabulary, defaults: default, preTokenizer.AddsBos)
    {
        _preTokenizer = preTokenizer;
        const string key = "tokenizer.ggml.merges";
        _merges = new MergeTable(metadata.FindStrings(key) ?? throw TokenizerException.Invalid($"there is no {key}"), vocabulary);

        Span<byte> standIn = stackalloc byte[2];
        for (var value = 0; value < 256; value++)
        {
            var length = ByteAlphabet.Encode([(byte)value], standIn);
            _byteTokens[value] = vocabulary.Find(standIn[..length]);
        }

        Pieces = new TokenPieces(vocabulary.Texts);
        for (var id = 0; id < vocabulary.Count; id++)
        {
            AddPiece(vocabulary.Texts.Utf8(id), vocabulary[id]);
        }
    }

    private protected override TokenPieces Pieces { get; }

    private protected override bool AddsSpacePrefix => false;

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool afterSpecial, List<int> ids)
    {
        var values = ArrayPool<int>.Shared.Rent(utf8.Length);
        var kinds = ArrayPool<CharKind>.Shared.Rent(utf8.Length);
        var count = CodePoints.Decode(utf8, values, kinds);
        var text = new CodePoints(values.AsSpan(0, count), kinds.AsSpan(0, count));
        var ends = new List<int>();
        _preTokenizer.Split(text, ends, scratch: []);

        using var merging = new PairMerging();
        var start = 0;
        foreach (var end in ends)
        {
            var length = text.Utf8Length(start, end);
            EncodeWord(utf8[..length], merging, ids);
            utf8 = utf8[length..];
            start = end;
        }

        ArrayPool<int>.Shared.Return(values);
        ArrayPool<CharKind>.Shared.Return(kinds);
    }

    void EncodeWord(ReadOnlySpan<byte> word, PairMerging merging, List<int> ids)
    {
        if (_preTokenizer.IgnoresMerges && FindWord(word) is >= 0 and var whole)
        {
            ids.Add(whole);
            return;
        }

        var symbols = merging.Reserve(word.Length);
        for (var i = 0; i < word.Length; i++)
        {
            symbols[i].Token = _byteTokens[word[i]];
        }

        merging.Run(word.Length, new Ranker(_merges, symbols));
        for (var i = 0; i < word.Length; i = symbols[i].Next)
        {
            if ((symbols[i].Token >= 0 ? symbols[i].Token : UnknownId) is { } id)
            {
                ids.Add(id);
            }
        }
    }

    int FindWord(ReadOnlySpan<byte> word)
    {
        // Stand-ins are never shorter than what they stand for.
        if (word.Length > Vocabulary.LongestText)
        {
            return -1;
        }

        const int stackBytes = 512;
        Span<byte> standIns = word.Length * 2 <= stackBytes ? stackalloc byte[stackBytes] : new byte[word.Length * 2];
        var id = Vocabulary.Find(standIns[..ByteAlphabet.Encode(word, standIns)]);
        // A control token is never made from plain text.
        return id >= 0 && Vocabulary[id] is not (TokenType.Control or TokenType.Unknown) ? id : -1;
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
                Pieces.Complete(ByteAlphabet.Decode(text, Pieces.Free));
                break;
        }
    }

    readonly struct Ranker(MergeTable merges, Symbol[] symbols) : IPairRanker
    {
        public uint Rank(int left, int right, int end, out int token) =>
            merges.Find(symbols[left].Token, symbols[right].Token, out token);
    }
}
