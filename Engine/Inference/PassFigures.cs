using NvStream.Streaming;

namespace NvStream.Inference;

/// <summary>What one pass, or several, took.</summary>
/// <param name="Bytes">Weight bytes from storage.</param>
/// <param name="Stall">Time in which compute waited for bytes, from wherever they came.</param>
/// <param name="ReadTime">Time in which storage had reads in flight.</param>
/// <param name="LinkTime">Time that the bytes from storage and host memory take to a device with memory of its own.</param>
readonly record struct PassFigures(TimeSpan Duration, long Bytes, TimeSpan Stall, TimeSpan ReadTime, TimeSpan LinkTime)
{
    public TimeSpan ComputeTime => Duration > Stall ? Duration - Stall : TimeSpan.Zero;

    /// <summary>The longest of the three that run beside each other.</summary>
    public BindingTerm BindingTerm =>
        ReadTime > ComputeTime && ReadTime >= LinkTime ? BindingTerm.Nvme
        : LinkTime > ComputeTime ? BindingTerm.Pcie
        : BindingTerm.Compute;

    public static PassFigures operator +(PassFigures a, PassFigures b) =>
        new(a.Duration + b.Duration, a.Bytes + b.Bytes, a.Stall + b.Stall, a.ReadTime + b.ReadTime, a.LinkTime + b.LinkTime);
}
