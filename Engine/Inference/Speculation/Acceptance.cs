namespace NvStream.Inference.Speculation;

/// <summary>
/// How likely one more proposed token is right, as far as all before it were: from what became of recent proposals. What
/// was seen fades, so that a source that was given up is tried again some hundred passes later.
/// </summary>
/// <param name="prior">What is assumed before anything was seen.</param>
sealed class Acceptance(double prior)
{
    const double PriorWeight = 2;
    const double Fading = 0.98;

    double _tried;
    double _accepted;

    /// <summary>0 to 1.</summary>
    public double Rate => ((prior * PriorWeight) + _accepted) / (PriorWeight + _tried);

    /// <summary>The first token that was refused was a trial too; those behind it tell nothing.</summary>
    public void Learn(int proposed, int accepted)
    {
        _tried += Math.Min(proposed, accepted + 1);
        _accepted += accepted;
    }

    /// <summary>A pass has gone by.</summary>
    public void Fade() => (_tried, _accepted) = (_tried * Fading, _accepted * Fading);
}
