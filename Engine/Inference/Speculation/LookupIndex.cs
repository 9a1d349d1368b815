using System.Numerics;

namespace NvStream.Inference.Speculation;

/// <summary>
/// Where a sequence's last tokens stood before. Every pair of neighbours is indexed once, as the sequence grows; of the
/// latest places of the last pair, the one is taken before which most tokens agree.
/// </summary>
sealed class LookupIndex(int capacity)
{
    /// <summary>Places that are compared: what bounds the time where a text repeats itself.</summary>
    const int MostPlaces = 32;

    /// <summary>Tokens that are compared: longer agreement says no more.</summary>
    const int LongestMatch = 32;

    /// <summary>By hash of a pair, the last position of its second token; 0 for none.</summary>
    readonly int[] _latest = new int[BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, capacity))];

    /// <summary>By position, the one before it with the same hash.</summary>
    readonly int[] _earlier = new int[capacity];
    int _indexed = 1;

    /// <summary>Proposes what followed the last tokens; returns how many are proposed.</summary>
    /// <param name="tokens">The sequence so far: what it was at the last call, or longer.</param>
    /// <param name="match">Tokens that agree at the place that was found: the more, the likelier goes the text on alike.</param>
    public int Propose(ReadOnlySpan<int> tokens, Span<int> proposed, out int match)
    {
        match = 0;
        if (tokens.Length < 2 || proposed.IsEmpty)
        {
            return 0;
        }

        // All pairs but the last, which is the one looked for.
        for (; _indexed < tokens.Length - 1; _indexed++)
        {
            ref var latest = ref _latest[Slot(tokens, _indexed)];
            (_earlier[_indexed], latest) = (latest, _indexed);
        }

        var best = 0;
        var place = _latest[Slot(tokens, tokens.Length - 1)];
        for (var i = 0; i < MostPlaces && place > 0 && match < LongestMatch; i++, place = _earlier[place])
        {
            var agreeing = Agreeing(tokens, place);
            if (agreeing > Math.Max(match, 1))
            {
                (match, best) = (agreeing, place);
            }
        }

        if (match == 0)
        {
            return 0;
        }

        // Where the place is near the end, what is proposed repeats itself.
        for (int i = 0, from = best + 1; i < proposed.Length; i++, from++)
        {
            proposed[i] = from < tokens.Length ? tokens[from] : proposed[from - tokens.Length];
        }

        return proposed.Length;
    }

    static int Agreeing(ReadOnlySpan<int> tokens, int place)
    {
        var count = 0;
        while (count < LongestMatch && count <= place && tokens[place - count] == tokens[^(count + 1)])
        {
            count++;
        }

        return count;
    }

    int Slot(ReadOnlySpan<int> tokens, int second) =>
        (int)(((uint)tokens[second - 1] * 0x9E3779B1 ^ (uint)tokens[second] * 0x85EBCA77) >> 7) & (_latest.Length - 1);
}
