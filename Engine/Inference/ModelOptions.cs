using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Inference;

/// <summary>How a model is to be loaded; see Import-StreamModel for the same in user's words.</summary>
public sealed record ModelOptions
{
    /// <summary>Default: the file's base name.</summary>
    public string? Name { get; init; }

    /// <summary>"Auto", "Cpu", "Cuda" or "Cuda:N".</summary>
    public string Device { get; init; } = "Auto";

    /// <summary>Device memory for weights, KV cache and work space together; Auto is 90% of what is free.</summary>
    public MemoryBudget DeviceBudget { get; init; }

    /// <summary>Pinned host memory for the middle tier; always 0 for the CPU device.</summary>
    public MemoryBudget HostBudget { get; init; }

    /// <summary>GGUF file of a small model of the same vocabulary that drafts for this one; it lives in the device budget, all of it.</summary>
    public string? DraftModel { get; init; }

    /// <summary>Slots in the belt, at least 2; null lets the plan decide.</summary>
    public int? SlotCount { get; init; }

    public RouteKind Route { get; init; }

    /// <summary>Tokens a sequence may have; null is min(the model's, 4096).</summary>
    public int? ContextLength { get; init; }

    /// <summary>Cells of the KV pool that all sequences share; null is ContextLength, and more where memory is left over.</summary>
    public int? KvTokens { get; init; }

    /// <summary>Bytes of one read at most, a multiple of 4096; layers of less than some hundred of them are read in smaller blocks.</summary>
    public int BlockSize { get; init; } = 4 << 20;

    /// <summary>Reads in flight.</summary>
    public int QueueDepth { get; init; } = 8;

    /// <summary>Compute threads of the CPU device; null is one a core.</summary>
    public int? Threads { get; init; }
}

/// <summary>How far loading has come; reported from the loading thread, at most every 100 ms or so.</summary>
/// <param name="Activity">What is being done.</param>
/// <param name="BytesDone">Bytes loaded so far.</param>
/// <param name="BytesTotal">Bytes to load in all.</param>
public readonly record struct LoadProgress(string Activity, long BytesDone, long BytesTotal, double BytesPerSecond);
