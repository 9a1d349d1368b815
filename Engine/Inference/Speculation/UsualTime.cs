namespace NvStream.Inference.Speculation;

/// <summary>
/// What passes of about as many rows usually take. Some are slow for reasons of their own, the first ones above all: one
/// alone is not believed, and what is usual changes little by another.
/// </summary>
struct UsualTime
{
    /// <summary>Passes after which a time tells nothing any more, and little when there is another.</summary>
    public const int Forgotten = 64;

    /// <summary>Passes that tell what is usual.</summary>
    const int Believed = 2;

    /// <summary>The share of what is usual that one more pass makes.</summary>
    const double Share = 0.1;

    /// <summary>A pass counts as slower than usual by no more than this.</summary>
    const double MostSlower = 1.5;

    /// <summary>Slow, as trying a draft model again has it read whole texts.</summary>
    const double Fading = 0.999;

    int _passes;

    public readonly bool IsKnown => _passes >= Believed;

    /// <summary>Number of the last pass.</summary>
    public int LastPass { get; private set; }

    /// <summary>Of a usual pass.</summary>
    public double Rows { get; private set; }

    public double Seconds { get; private set; }

    /// <param name="pass">Its number among all passes.</param>
    public void Learn(int rows, double seconds, int pass)
    {
        if (pass - LastPass >= Forgotten)
        {
            _passes = Math.Min(_passes, 1);
        }

        LastPass = pass;
        if (2 * seconds < Seconds)
        {
            // No pass is faster than it can be: those before it were slow.
            _passes = Math.Min(_passes, Believed);
            (Rows, Seconds) = (rows, seconds);
        }

        var share = Math.Max(Share, 1.0 / ++_passes);
        Rows += share * (rows - Rows);
        Seconds += share * ((_passes == 1 ? seconds : Math.Min(seconds, MostSlower * Seconds)) - Seconds);
    }

    /// <summary>Nobody found it worth its time.</summary>
    public void Fade() => Seconds *= Fading;
}
