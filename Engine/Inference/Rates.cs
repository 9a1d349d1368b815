namespace NvStream.Inference;

static class Rates
{
    /// <summary>Amount per second; 0 where there was no time.</summary>
    public static double Of(double amount, TimeSpan time) => time > TimeSpan.Zero ? amount / time.TotalSeconds : 0;
}
