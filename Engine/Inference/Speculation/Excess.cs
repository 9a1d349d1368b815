namespace NvStream.Inference.Speculation;

/// <summary>
/// By how much passes with drafts have taken longer than was expected of them: a draft model has to read a text before it
/// goes on with it, and what it proposes behind an answer's end is for nothing. None of that is in the cost of a token.
/// </summary>
sealed class Excess
{
    const double Fading = 0.95;

    /// <summary>Where nobody drafts, what was seen is forgotten, so that it is tried again.</summary>
    const double Forgetting = 0.999;

    /// <summary>No single pass counts for more: it was slow for reasons of its own.</summary>
    const double Most = 3;

    double _expected;
    double _taken;

    /// <summary>At least 1.</summary>
    public double Factor => _expected > 0 ? Math.Max(1, _taken / _expected) : 1;

    /// <param name="expected">Seconds that the tokens of a pass were expected to take.</param>
    /// <param name="taken">What proposing and verifying them took.</param>
    public void Learn(double expected, double taken)
    {
        if (expected > 0)
        {
            _expected = (_expected * Fading) + expected;
            _taken = (_taken * Fading) + Math.Min(taken, Most * expected);
        }
    }

    /// <summary>A pass goes by without drafts.</summary>
    public void Fade() => _taken = _expected + ((_taken - _expected) * Forgetting);
}
