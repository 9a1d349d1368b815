using System.Buffers;

namespace NvStream.Tokenization;

/// <summary>Which neighbours merge, and how soon.</summary>
interface IPairRanker
{
    /// <summary>
    /// The rank of merging the symbol at <paramref name="left"/> with that at <paramref name="right"/>, lower first, and
    /// the token they make; <see cref="PairMerging.NoMerge"/> if they don't merge.
    /// </summary>
    /// <param name="left">Where the symbol starts, counted in what the text had of them at first; likewise right.</param>
    /// <param name="end">Where the symbol after <paramref name="right"/> starts, or the count of symbols.</param>
    uint Rank(int left, int right, int end, out int token);
}

/// <summary>A symbol of a text: a run of its characters that has merged so far.</summary>
struct Symbol
{
    /// <summary>The token of the symbol, or -1 when it has none.</summary>
    public int Token;

    /// <summary>Where the next symbol starts, or the count of symbols.</summary>
    public int Next;

    /// <summary>Where the previous symbol starts, or -1.</summary>
    public int Previous;

    /// <summary>What it would make with the next one, and the rank of that.</summary>
    public int Merged;
    public uint Rank;
}

/// <summary>
/// Merges neighbouring symbols, always the pair of lowest rank and of these the leftmost, until none is left: a linked
/// list over the symbols and a heap of (rank, left), so n log n for any text. Both tokenizers are this with their own
/// ranks. Memory is pooled; one instance serves the words of one text.
/// </summary>
sealed class PairMerging : IDisposable
{
    public const uint NoMerge = uint.MaxValue;

    readonly KeyHeap _heap = new();
    Symbol[] _symbols = [];

    /// <summary>
    /// Room for this many symbols, of which the caller sets <see cref="Symbol.Token"/> before a run. After it those that
    /// are left are found by following <see cref="Symbol.Next"/> from 0.
    /// </summary>
    public Symbol[] Reserve(int count)
    {
        if (count > _symbols.Length)
        {
            Return();
            _symbols = ArrayPool<Symbol>.Shared.Rent(count);
        }

        return _symbols;
    }

    public void Run<TRanker>(int count, TRanker ranker)
        where TRanker : struct, IPairRanker
    {
        var symbols = _symbols.AsSpan(0, count);
        for (var i = 0; i < count; i++)
        {
            symbols[i].Next = i + 1;
            symbols[i].Previous = i - 1;
        }

        _heap.Clear();
        for (var i = 0; i < count; i++)
        {
            Rank(symbols, i, ranker);
        }

        while (_heap.TryPop(out var key))
        {
            var start = (int)(uint)key;
            ref var left = ref symbols[start];
            if (left.Rank != (uint)(key >> 32))
            {
                // Superseded: one of the pair has merged with another neighbour since.
                continue;
            }

            ref var right = ref symbols[left.Next];
            right.Rank = NoMerge;
            left.Token = left.Merged;
            left.Next = right.Next;
            if (left.Next < count)
            {
                symbols[left.Next].Previous = start;
            }

            Rank(symbols, start, ranker);
            if (left.Previous >= 0)
            {
                Rank(symbols, left.Previous, ranker);
            }
        }
    }

    public void Dispose()
    {
        Return();
        _symbols = [];
        _heap.Dispose();
    }

    void Rank<TRanker>(Span<Symbol> symbols, int start, TRanker ranker)
        where TRanker : struct, IPairRanker
    {
        ref var left = ref symbols[start];
        left.Rank = left.Next < symbols.Length
            ? ranker.Rank(start, left.Next, symbols[left.Next].Next, out left.Merged)
            : NoMerge;
        if (left.Rank != NoMerge)
        {
            _heap.Push(((ulong)left.Rank << 32) | (uint)start);
        }
    }

    void Return()
    {
        if (_symbols.Length > 0)
        {
            ArrayPool<Symbol>.Shared.Return(_symbols);
        }
    }
}
