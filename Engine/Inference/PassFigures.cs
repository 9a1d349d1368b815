using NvStream.Streaming;

namespace NvStream.Inference;

/// <summary>What one pass, or several, moved and took. Sums: what they mean of one pass is <see cref="PassAccount"/>'s.</summary>
readonly record struct PassFigures
{
    public int Passes { get; init; }

    /// <summary>Until the device was done with it.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>Since the pass before it, where the same company went on; 0 after a rest.</summary>
    public TimeSpan Between { get; init; }

    /// <summary>Weight bytes of the device's own.</summary>
    public long DeviceBytes { get; init; }

    /// <summary>Weight bytes from page-locked host memory.</summary>
    public long HostBytes { get; init; }

    /// <summary>Weight bytes from storage.</summary>
    public long StorageBytes { get; init; }

    /// <summary>Time in which an idle device waited for reads.</summary>
    public TimeSpan StorageStall { get; init; }

    /// <summary>Time in which the device waited for copies under way; no part of <see cref="StorageStall"/>.</summary>
    public TimeSpan LinkStall { get; init; }

    /// <summary>Time in which storage had reads in flight, during the pass and in <see cref="Between"/>.</summary>
    public TimeSpan ReadTime { get; init; }

    /// <summary>Time that the bytes from storage and host memory take to a device with memory of its own.</summary>
    public TimeSpan LinkTime { get; init; }

    public TimeSpan Stall => StorageStall + LinkStall;

    public TimeSpan ComputeTime => Duration > Stall ? Duration - Stall : TimeSpan.Zero;

    /// <summary>What the longest of the three that run beside each other took.</summary>
    public TimeSpan BoundTime => BindingTerm switch
    {
        BindingTerm.Nvme => ReadTime,
        BindingTerm.Pcie => LinkTime,
        _ => ComputeTime,
    };

    public BindingTerm BindingTerm =>
        ReadTime > ComputeTime && ReadTime >= LinkTime ? BindingTerm.Nvme
        : LinkTime > ComputeTime ? BindingTerm.Pcie
        : BindingTerm.Compute;

    public static PassFigures operator +(in PassFigures a, in PassFigures b) => new()
    {
        Passes = a.Passes + b.Passes,
        Duration = a.Duration + b.Duration,
        Between = a.Between + b.Between,
        DeviceBytes = a.DeviceBytes + b.DeviceBytes,
        HostBytes = a.HostBytes + b.HostBytes,
        StorageBytes = a.StorageBytes + b.StorageBytes,
        StorageStall = a.StorageStall + b.StorageStall,
        LinkStall = a.LinkStall + b.LinkStall,
        ReadTime = a.ReadTime + b.ReadTime,
        LinkTime = a.LinkTime + b.LinkTime,
    };
}
