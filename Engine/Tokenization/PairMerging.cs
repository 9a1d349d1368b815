using System.Buffers;

namespace NvStream.Tokenization;

/// <summary>Which neighbours merge, and how soon.</summary>
interface IPairRanker
{
    /// <summary>
    /// The rank of merging the symbol at <paramref name="left"/> with that at <paramref name="right"/>, lower first, and
    /// the token they make; <see cref="PairMerging.NoMerge"/> if they don't merge.
    /// </summary>
    /// <param name="end">Where the symbol after <paramref name="right"/> starts, or the count of symbols.</param>
    uint Rank(int left, int right, int end, out int token);
}

/// <summary>
/// Merges neighbouring symbols, always the pair of lowest rank and of these the leftmost, until none is left: a linked
/// list over the symbols and a heap of (rank, left), so n log n for any text. Both tokenizers are this with their own
/// ranks. Arrays are pooled; one instance serves the words of one text.
/// </summary>
sealed class PairMerging : IDisposable
{
    public const uint NoMerge = uint.MaxValue;

    int[] _tokens = [];
    int[] _next = [];
    int[] _previous = [];
    int[] _merged = [];
    uint[] _ranks = [];
    readonly KeyHeap _heap = new();

    /// <summary>A token a symbol: before, that of each single one (or -1), after, of each that is left.</summary>
    public int[] Tokens => _tokens;

    /// <summary>The start of the symbol after each; follow it from 0 to the count to walk what is left.</summary>
    public int[] Next => _next;

    /// <summary>Makes room for this many symbols; what the arrays held is lost.</summary>
    public void Reserve(int count)
    {
        if (count <= _tokens.Length)
        {
            return;
        }

        Return();
        _tokens = ArrayPool<int>.Shared.Rent(count);
        _next = ArrayPool<int>.Shared.Rent(count);
        _previous = ArrayPool<int>.Shared.Rent(count);
        _merged = ArrayPool<int>.Shared.Rent(count);
        _ranks = ArrayPool<uint>.Shared.Rent(count);
    }

    public void Run<TRanker>(int count, TRanker ranker)
        where TRanker : struct, IPairRanker
    {
        for (var i = 0; i < count; i++)
        {
            _next[i] = i + 1;
            _previous[i] = i - 1;
        }

        _heap.Clear();
        for (var i = 0; i < count; i++)
        {
            Rank(i, count, ranker);
        }

        while (_heap.TryPop(out var key))
        {
            var left = (int)(uint)key;
            if (_ranks[left] != (uint)(key >> 32))
            {
                // Superseded: one of the pair has merged with another neighbour since.
                continue;
            }

            var right = _next[left];
            _tokens[left] = _merged[left];
            _ranks[right] = NoMerge;
            _next[left] = _next[right];
            if (_next[left] < count)
            {
                _previous[_next[left]] = left;
            }

            Rank(left, count, ranker);
            if (_previous[left] >= 0)
            {
                Rank(_previous[left], count, ranker);
            }
        }
    }

    public void Dispose()
    {
        Return();
        _tokens = _next = _previous = _merged = [];
        _ranks = [];
        _heap.Dispose();
    }

    void Rank<TRanker>(int left, int count, TRanker ranker)
        where TRanker : struct, IPairRanker
    {
        var right = _next[left];
        _ranks[left] = right < count ? ranker.Rank(left, right, _next[right], out _merged[left]) : NoMerge;
        if (_ranks[left] != NoMerge)
        {
            _heap.Push(((ulong)_ranks[left] << 32) | (uint)left);
        }
    }

    void Return()
    {
        if (_tokens.Length > 0)
        {
            ArrayPool<int>.Shared.Return(_tokens);
            ArrayPool<int>.Shared.Return(_next);
            ArrayPool<int>.Shared.Return(_previous);
            ArrayPool<int>.Shared.Return(_merged);
            ArrayPool<uint>.Shared.Return(_ranks);
        }
    }
}
