namespace NvStream.Inference.Speculation;

/// <summary>
/// How many tokens are worth proposing, by what passes were seen to take. One more proposed token may be right, and costs
/// a row of the pass and what proposing it takes: it pays while its chance, for that time, is better than the rate at
/// which tokens are made anyway. That rate is the one with proposals, so the two are found in turns.
/// </summary>
sealed class SpeculationPolicy
{
    /// <summary>Each turn comes closer to the best number from above; after three nothing changes any more.</summary>
    const int Turns = 3;

    readonly PassCost _cost = new();

    /// <param name="rows">Rows of a pass that only decoded: one that carried prompts says nothing about decoding.</param>
    /// <param name="seconds">What it took, without what was proposed for it.</param>
    public void Learn(int rows, double seconds) => _cost.Learn(rows, seconds);

    /// <summary>
    /// The number of tokens to propose for each of some sequences that all fare alike, and the seconds that a token will
    /// then take a sequence; 0 and infinity before anything is known. None where it is not known lately what a pass takes
    /// without proposals, so that it will be.
    /// </summary>
    /// <param name="acceptance">Chance of each token where those before it were right.</param>
    /// <param name="proposalSeconds">What proposing one token takes.</param>
    /// <param name="most">Tokens that may be proposed.</param>
    /// <param name="sequences">Sequences of the pass.</param>
    public (int Count, double SecondsPerToken) Choose(double acceptance, double proposalSeconds, int most, int sequences)
    {
        var share = _cost.Of(sequences) / sequences;
        if (share <= 0)
        {
            return (0, double.PositiveInfinity);
        }

        if (!_cost.Reaches(sequences))
        {
            return (0, share);
        }

        var (cost, worth, count) = (_cost.PerRow + proposalSeconds, share, 0);
        for (var turn = 0; turn < Turns; turn++)
        {
            var (chance, tokens) = (acceptance, 1.0);
            for (count = 0; count < most && chance * worth > cost; count++, chance *= acceptance)
            {
                tokens += chance;
            }

            worth = (share + (count * cost)) / tokens;
        }

        return (count, worth);
    }
}
