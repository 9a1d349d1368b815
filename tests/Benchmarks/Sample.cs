namespace NvStream.Benchmarks;

/// <summary>What was measured several times in one run.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Unit">Of the values: GB/s, tok/s, ms, MB.</param>
/// <param name="Values">In the order of measurement.</param>
sealed record Sample(string Name, string Unit, double[] Values)
{
    public double Median
    {
        get
        {
            double[] sorted = [.. Values.Order()];
            var middle = sorted.Length / 2;
            return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        }
    }

    public double Least => Values.Min();

    public double Most => Values.Max();
}

/// <summary>A figure that has to be on one side of a target.</summary>
/// <param name="IsAtLeast">The value has to reach the target; else it must not exceed it.</param>
sealed record Check(string Name, double Value, bool IsAtLeast, double Target)
{
    public bool IsMet => IsAtLeast ? Value >= Target : Value <= Target;

    public static Check AtLeast(string name, double value, double target) => new(name, value, true, target);

    public static Check AtMost(string name, double value, double target) => new(name, value, false, target);
}
