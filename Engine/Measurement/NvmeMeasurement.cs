using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Measurement;

/// <summary>What the page cache had to do with a measurement.</summary>
public enum CacheState
{
    /// <summary>Read past the page cache.</summary>
    Direct,

    /// <summary>Read through the page cache, which held none of the file: it was emptied of it, and that was checked.</summary>
    Cold,

    /// <summary>Read through the page cache, which held the file.</summary>
    Warm,
}

/// <summary>How fast bytes got from a file to a device by one route, with one block size and queue depth.</summary>
public sealed record NvmeMeasurement
{
    /// <summary>The file read; of a scratch file, its folder.</summary>
    public required string Path { get; init; }

    public required RouteKind Route { get; init; }

    public required string RouteReason { get; init; }

    /// <summary>"Cpu" or "Cuda:N".</summary>
    public required string Device { get; init; }

    /// <summary>Bytes of one read.</summary>
    public required int BlockSize { get; init; }

    /// <summary>Reads in flight.</summary>
    public required int QueueDepth { get; init; }

    /// <summary>Bytes per second: the median of <see cref="Samples"/>.</summary>
    public required double Throughput { get; init; }

    /// <summary>Bytes per second, of the samples.</summary>
    public required double StandardDeviation { get; init; }

    /// <summary>Bytes per second of each repetition, in the order they were made.</summary>
    public required IReadOnlyList<double> Samples { get; init; }

    /// <summary>Half of the reads took no longer, from their submission to their completion.</summary>
    public required TimeSpan LatencyP50 { get; init; }

    /// <summary>99 % of the reads took no longer.</summary>
    public required TimeSpan LatencyP99 { get; init; }

    /// <summary>Processor time of this process while it read, in percent of one core.</summary>
    public required double CpuPercent { get; init; }

    /// <summary>Whether the bytes were compared where they arrived: in the device's memory, with what the file holds.</summary>
    public required bool IsVerified { get; init; }

    public required CacheState CacheState { get; init; }

    /// <summary>Tokens per second of one sequence that decodes with the model asked about; null where none was.</summary>
    public double? PredictedTokenRate { get; init; }

    /// <summary>What limits it.</summary>
    public BindingTerm? BindingTerm { get; init; }

    /// <summary>Tokens per second of eight sequences together.</summary>
    public double? PredictedBatchTokenRate { get; init; }

    /// <summary>What limits them.</summary>
    public BindingTerm? BatchBindingTerm { get; init; }

    public required PathEnvironment Environment { get; init; }
}
