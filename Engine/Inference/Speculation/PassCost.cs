namespace NvStream.Inference.Speculation;

/// <summary>What a pass takes by its rows: a line through the times of recent passes, older ones counting less.</summary>
sealed class PassCost
{
    const double Fading = 0.97;

    double _weight;
    double _rows;
    double _time;
    double _rowsSquared;
    double _rowsTime;

    /// <summary>Seconds of one more row; 0 as long as all passes had the same number of rows, so that a second number is tried.</summary>
    public double PerRow { get; private set; }

    /// <summary>Seconds of a pass of so many rows; 0 before the first was seen.</summary>
    public double Of(int rows) => _weight > 0 ? Math.Max(0, (_time + (PerRow * ((rows * _weight) - _rows))) / _weight) : 0;

    /// <param name="rows">Rows of a pass that only decoded.</param>
    /// <param name="seconds">What it took.</param>
    public void Learn(int rows, double seconds)
    {
        _weight = (_weight * Fading) + 1;
        _rows = (_rows * Fading) + rows;
        _time = (_time * Fading) + seconds;
        _rowsSquared = (_rowsSquared * Fading) + ((double)rows * rows);
        _rowsTime = (_rowsTime * Fading) + (rows * seconds);

        // With hardly any spread of rows the slope would be noise: the last one that was seen stays.
        var spread = (_weight * _rowsSquared) - (_rows * _rows);
        if (spread > 1e-2 * _weight * _weight)
        {
            PerRow = Math.Max(0, ((_weight * _rowsTime) - (_rows * _time)) / spread);
        }
    }
}
