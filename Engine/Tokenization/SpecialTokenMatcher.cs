using System.Buffers;
using System.Text.Unicode;

namespace NvStream.Tokenization;

/// <summary>A part of a text: a token that stands in it as such, or text (<see cref="Token"/> -1).</summary>
readonly record struct Segment(int Start, int End, int Token);

/// <summary>
/// Finds the tokens that are matched in a text before anything else. As in llama.cpp the longest token goes first,
/// wherever in the text it stands, then the next among what is left; here by a trie, for all positions at once, and a
/// queue that takes them in that order, so the time is n log n whatever the text.
/// </summary>
sealed class SpecialTokenMatcher
{
    const byte Free = 0;
    const byte Taken = 1;

    // The trie: children of a node are a chain of siblings; node 0 is the root, which has a table instead.
    readonly int[] _roots = new int[256];
    readonly Node[] _nodes;
    readonly SearchValues<byte> _firstBytes;
    // By rank: longest first, equal ones by id.
    readonly int[] _ids;
    readonly int[] _lengths;
    readonly bool[] _stripsRight;

    /// <param name="ids">The tokens to look for.</param>
    /// <param name="stripsRight">Whether white space after a token belongs to it.</param>
    public SpecialTokenMatcher(Vocabulary vocabulary, IEnumerable<int> ids, Func<int, bool> stripsRight)
    {
        // A token that is no UTF-8 cannot be meant by a text, but could tear a character of it apart.
        _ids = [.. ids
            .Where(id => !vocabulary.Texts.Utf8(id).IsEmpty && Utf8.IsValid(vocabulary.Texts.Utf8(id)))
            .OrderByDescending(id => vocabulary.Texts.Utf8(id).Length).ThenBy(id => id)];
        _lengths = Array.ConvertAll(_ids, id => vocabulary.Texts.Utf8(id).Length);
        _stripsRight = Array.ConvertAll(_ids, id => stripsRight(id));
        var nodes = new List<Node> { default };
        for (var rank = 0; rank < _ids.Length; rank++)
        {
            Insert(nodes, vocabulary.Texts.Utf8(_ids[rank]), rank);
        }

        _nodes = [.. nodes];
        _firstBytes = SearchValues.Create([.. Enumerable.Range(0, 256).Where(x => _roots[x] > 0).Select(x => (byte)x)]);
    }

    /// <summary>Appends the parts of the text, in order and without gaps except for white space stripped.</summary>
    public void Split(ReadOnlySpan<byte> text, List<Segment> segments)
    {
        if (text.IsEmpty)
        {
            return;
        }

        using var candidates = new KeyHeap();
        if (!FindCandidates(text, candidates))
        {
            segments.Add(new Segment(0, text.Length, -1));
            return;
        }

        foreach (var token in Choose(text, candidates))
        {
            var from = segments.Count > 0 ? segments[^1].End : 0;
            if (token.Start > from)
            {
                segments.Add(new Segment(from, token.Start, -1));
            }

            segments.Add(token);
        }

        if (segments[^1].End < text.Length)
        {
            segments.Add(new Segment(segments[^1].End, text.Length, -1));
        }
    }

    // At each position the longest token; the key is (rank, position), so the heap yields the order of choice.
    bool FindCandidates(ReadOnlySpan<byte> text, KeyHeap candidates)
    {
        var any = false;
        for (var position = 0; position < text.Length; position++)
        {
            var skip = text[position..].IndexOfAny(_firstBytes);
            if (skip < 0)
            {
                break;
            }

            position += skip;
            var rank = Longest(text[position..]);
            if (rank >= 0)
            {
                candidates.Push(Key(rank, position));
                any = true;
            }
        }

        return any;
    }

    List<Segment> Choose(ReadOnlySpan<byte> text, KeyHeap candidates)
    {
        var chosen = new List<Segment>();
        var pooled = ArrayPool<byte>.Shared.Rent(text.Length);
        var taken = pooled.AsSpan(0, text.Length);
        taken.Clear();
        while (candidates.TryPop(out var key))
        {
            var rank = (int)(key >> 32);
            var start = (int)(uint)key;
            var end = start + _lengths[rank];
            if (taken[start] != Free)
            {
                continue;
            }

            var room = taken[start..end].IndexOfAnyExcept(Free);
            if (room >= 0)
            {
                // Its end is taken: perhaps a shorter token fits in front.
                rank = Longest(text.Slice(start, room));
                if (rank >= 0)
                {
                    candidates.Push(Key(rank, start));
                }

                continue;
            }

            while (_stripsRight[rank] && end < text.Length && taken[end] == Free && IsAsciiSpace(text[end]))
            {
                end++;
            }

            taken[start..end].Fill(Taken);
            chosen.Add(new Segment(start, end, _ids[rank]));
        }

        ArrayPool<byte>.Shared.Return(pooled);
        chosen.Sort((x, y) => x.Start.CompareTo(y.Start));
        return chosen;
    }

    /// <summary>The rank of the longest token that the text begins with, or -1.</summary>
    int Longest(ReadOnlySpan<byte> text)
    {
        var found = -1;
        var index = _roots[text[0]];
        for (var depth = 1; index > 0; depth++)
        {
            ref readonly var node = ref _nodes[index];
            found = node.Rank >= 0 ? node.Rank : found;
            if (depth == text.Length)
            {
                break;
            }

            index = node.FirstChild;
            while (index > 0 && _nodes[index].Label != text[depth])
            {
                index = _nodes[index].NextSibling;
            }
        }

        return found;
    }

    void Insert(List<Node> nodes, ReadOnlySpan<byte> text, int rank)
    {
        var node = _roots[text[0]];
        if (node == 0)
        {
            node = _roots[text[0]] = AddNode(nodes, text[0], nextSibling: 0);
        }

        foreach (var label in text[1..])
        {
            var child = nodes[node].FirstChild;
            while (child > 0 && nodes[child].Label != label)
            {
                child = nodes[child].NextSibling;
            }

            if (child == 0)
            {
                child = AddNode(nodes, label, nodes[node].FirstChild);
                nodes[node] = nodes[node] with { FirstChild = child };
            }

            node = child;
        }

        nodes[node] = nodes[node] with { Rank = rank };
    }

    static int AddNode(List<Node> nodes, byte label, int nextSibling)
    {
        nodes.Add(new Node(label, FirstChild: 0, nextSibling, Rank: -1));
        return nodes.Count - 1;
    }

    static ulong Key(int rank, int position) => ((ulong)(uint)rank << 32) | (uint)position;

    static bool IsAsciiSpace(byte value) => value is (byte)' ' or (>= (byte)'\t' and <= (byte)'\r');

    readonly record struct Node(byte Label, int FirstChild, int NextSibling, int Rank);
}
