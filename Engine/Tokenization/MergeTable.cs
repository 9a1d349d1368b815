using System.Numerics;
using NvStream.Gguf;

namespace NvStream.Tokenization;

/// <summary>
/// The merges of a BPE vocabulary (tokenizer.ggml.merges, "left right" in order of rank), resolved to ids: open
/// addressing over pairs.
/// </summary>
sealed class MergeTable
{
    const ulong Empty = ulong.MaxValue;

    readonly Entry[] _entries;
    readonly int _shift;
    // Odd and drawn anew for each table: a file cannot be made so that its pairs collide.
    readonly ulong _multiplier = (ulong)Random.Shared.NextInt64() | 0x8000000000000001;

    /// <exception cref="TokenizerException">TokenizerInvalid: a merge names what is no token.</exception>
    public MergeTable(GgufStringArray merges, Vocabulary vocabulary)
    {
        var size = BitOperations.RoundUpToPowerOf2((uint)Math.Max(merges.Count, 4) * 2);
        _entries = new Entry[size];
        Array.Fill(_entries, new Entry(Empty, 0, 0));
        _shift = 64 - BitOperations.Log2(size);

        var joined = new byte[256];
        for (var rank = 0; rank < merges.Count; rank++)
        {
            var merge = merges.Utf8(rank);
            // A part may begin with a space in vocabularies that hold raw text, so the border is a later one.
            var space = merge.Length > 1 ? merge[1..].IndexOf((byte)' ') + 1 : 0;
            if (space <= 0)
            {
                throw TokenizerException.Invalid($"merge {rank}, '{Vocabulary.Show(merges, rank)}', is not two tokens with a space between");
            }

            if (merge.Length > joined.Length)
            {
                joined = new byte[merge.Length * 2];
            }

            merge[..space].CopyTo(joined);
            merge[(space + 1)..].CopyTo(joined.AsSpan(space));
            var left = Resolve(vocabulary, merge[..space]);
            var right = Resolve(vocabulary, merge[(space + 1)..]);
            var token = Resolve(vocabulary, joined.AsSpan(0, merge.Length - 1));
            if (left < 0 || right < 0 || token < 0)
            {
                var part = left < 0 ? "the left part" : right < 0 ? "the right part" : "the result";
                throw TokenizerException.Invalid($"{part} of merge {rank}, '{Vocabulary.Show(merges, rank)}', is not in the vocabulary");
            }

            Add(Key(left, right), rank, token);
        }
    }

    /// <summary>The rank of merging two tokens and the token they make, or <see cref="PairMerging.NoMerge"/>.</summary>
    /// <param name="left">An id, or -1.</param>
    public uint Find(int left, int right, out int token)
    {
        ref readonly var entry = ref _entries[Slot(Key(left, right))];
        token = entry.Token;
        return entry.Key == Empty ? PairMerging.NoMerge : (uint)entry.Rank;
    }

    // An added token that merges lead to as well is listed under its raw text instead of its stand-ins.
    static int Resolve(Vocabulary vocabulary, ReadOnlySpan<byte> text)
    {
        var id = vocabulary.Find(text);
        if (id >= 0)
        {
            return id;
        }

        var raw = new byte[text.Length];
        var length = ByteAlphabet.Decode(text, raw);
        id = vocabulary.Find(raw.AsSpan(0, length));
        return id >= 0 && vocabulary[id] == TokenType.UserDefined ? id : -1;
    }

    static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    void Add(ulong key, int rank, int token)
    {
        var slot = Slot(key);
        if (_entries[slot].Key == Empty)
        {
            _entries[slot] = new Entry(key, rank, token);
        }
    }

    int Slot(ulong key)
    {
        var mask = _entries.Length - 1;
        for (var slot = (int)((key * _multiplier) >> _shift); ; slot = (slot + 1) & mask)
        {
            if (_entries[slot].Key == key || _entries[slot].Key == Empty)
            {
                return slot;
            }
        }
    }

    readonly record struct Entry(ulong Key, int Rank, int Token);
}
