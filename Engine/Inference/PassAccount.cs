using NvStream.Streaming;

namespace NvStream.Inference;

/// <summary>
/// Where the time and the bytes of passes went, a mean over those that an answer took part in. The three times add up to
/// <see cref="Duration"/>: a device computes, or waits for storage, or waits for the link.
/// </summary>
public sealed record PassAccount
{
    /// <summary>Passes that were averaged.</summary>
    public required int Passes { get; init; }

    /// <summary>Of one pass, until the device was done with it.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Tokens of the answer that a pass made, on average.</summary>
    public required double TokensPerPass { get; init; }

    /// <summary>Weight bytes a pass read where they lay, in the device's memory.</summary>
    public required long DeviceBytes { get; init; }

    /// <summary>Weight bytes a pass took from page-locked host memory.</summary>
    public required long HostBytes { get; init; }

    /// <summary>Weight bytes a pass took from storage.</summary>
    public required long StorageBytes { get; init; }

    /// <summary>Bytes per second from storage while it had reads in flight; 0 where none came from there.</summary>
    public required double StorageRate { get; init; }

    /// <summary>Bytes per second over the link to a device with memory of its own, as measured when the model was loaded; 0 where there is none.</summary>
    public required double LinkRate { get; init; }

    /// <summary>Time in which an idle device waited for storage.</summary>
    public required TimeSpan StorageStall { get; init; }

    /// <summary>Time in which an idle device waited for copies over the link.</summary>
    public required TimeSpan LinkStall { get; init; }

    /// <summary>The rest: the device computed, or was told what to compute.</summary>
    public required TimeSpan ComputeTime { get; init; }

    /// <summary>Tokens per second if the longest of reads, copies and compute alone had set the time of a pass.</summary>
    public required double BoundRate { get; init; }

    public required BindingTerm BindingTerm { get; init; }

    /// <summary>Tokens per second of these passes' time.</summary>
    public required double Rate { get; init; }
}
