using System.Numerics;

namespace NvStream.Inference.Speculation;

/// <summary>
/// What a pass takes by its rows: a line through what passes of one row, of two or three, of four to seven and so on
/// usually take.
/// </summary>
sealed class PassCost
{
    /// <summary>By which a number of rows counts less with every pass of another.</summary>
    const double Ageing = 0.98;

    /// <summary>By which the cost of a row falls with every pass while nothing is known of it: it is tried again, a row or two at first.</summary>
    const double Fading = 0.99;

    /// <summary>By the logarithm of their rows.</summary>
    readonly UsualTime[] _levels = new UsualTime[32];
    int _passes;
    double _rows;
    double _seconds;

    /// <summary>Seconds of one more row; 0 as long as all passes had about the same number of rows, so that a second number is tried.</summary>
    public double PerRow { get; private set; }

    /// <summary>Seconds of a pass of so many rows; 0 before that is known of any.</summary>
    public double Of(int rows) => Math.Max(0, _seconds + (PerRow * (rows - _rows)));

    /// <summary>Whether passes of so many rows, or fewer, were seen lately: without them the line may lie anywhere there.</summary>
    public bool Reaches(int rows)
    {
        var reaches = false;
        for (var i = BitOperations.Log2((uint)rows); i >= 0 && !reaches; i--)
        {
            reaches = IsKnown(_levels[i]);
        }

        return reaches;
    }

    /// <param name="rows">Rows of a pass that only decoded.</param>
    /// <param name="seconds">What it took; a clock that stood still tells nothing.</param>
    public void Learn(int rows, double seconds)
    {
        if (seconds > 0)
        {
            _passes++;
            _levels[BitOperations.Log2((uint)rows)].Learn(rows, seconds, _passes);
            Fit();
        }
    }

    bool IsKnown(in UsualTime level) => level.IsKnown && _passes - level.LastPass < UsualTime.Forgotten;

    void Fit()
    {
        var (weights, rows, seconds) = (0.0, 0.0, 0.0);
        foreach (ref readonly var level in _levels.AsSpan())
        {
            if (IsKnown(level))
            {
                var weight = WeightOf(level);
                weights += weight;
                rows += weight * level.Rows;
                seconds += weight * level.Seconds;
            }
        }

        if (weights == 0)
        {
            return;
        }

        (_rows, _seconds) = (rows / weights, seconds / weights);
        var (spread, slope) = (0.0, 0.0);
        foreach (ref readonly var level in _levels.AsSpan())
        {
            if (IsKnown(level))
            {
                var more = WeightOf(level) * (level.Rows - _rows);
                spread += more * (level.Rows - _rows);
                slope += more * (level.Seconds - _seconds);
            }
        }

        PerRow = spread > 1e-6 ? Math.Max(0, slope / spread) : PerRow * Fading;
    }

    double WeightOf(in UsualTime level) => Math.Pow(Ageing, _passes - level.LastPass);
}
