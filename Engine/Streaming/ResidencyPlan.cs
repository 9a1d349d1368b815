namespace NvStream.Streaming;

/// <summary>Where a layer's weights live between passes.</summary>
public enum Tier
{
    /// <summary>In the device's memory for good.</summary>
    Device,

    /// <summary>In pinned host memory, copied to a slot every pass.</summary>
    Host,

    /// <summary>In the file, read into a slot every pass.</summary>
    Storage,
}

/// <summary>One layer's place. The output head is the last layer.</summary>
/// <param name="Layer">"blk.0" to "blk.N-1", then "output".</param>
/// <param name="Bytes">Bytes of its extents, widened to 4 KiB.</param>
public sealed record LayerPlacement(int Index, string Layer, Tier Tier, long Bytes);

/// <summary>What a model will take of device and host and what must move every pass; made before anything is allocated.</summary>
public sealed record ResidencyPlan
{
    public required IReadOnlyList<LayerPlacement> Layers { get; init; }

    /// <summary>Bytes the device may use in all, whole units of <see cref="Granularity"/>.</summary>
    public required long DeviceBudget { get; init; }

    /// <summary>Bytes in which the device hands out memory.</summary>
    public required long Granularity { get; init; }

    /// <summary>Bytes of pinned host memory that the middle tier may use.</summary>
    public required long HostBudget { get; init; }

    /// <summary>Bytes of resident layers.</summary>
    public required long ResidentBytes { get; init; }

    /// <summary>Bytes of the layers in pinned host memory.</summary>
    public required long HostBytes { get; init; }

    /// <summary>
    /// Pinned host bytes that reads may run ahead of the slots: one layer, where storage has to go on reading while slots
    /// are taken by layers from host memory. Counted in the host budget, unlike the few blocks that are always in flight.
    /// </summary>
    public required long StagingBytes { get; init; }

    public required int SlotCount { get; init; }

    /// <summary>Bytes of one slot: the largest layer that is not resident.</summary>
    public required long SlotBytes { get; init; }

    /// <summary>Cells of the KV pool, shared by all sequences; at least ContextLength.</summary>
    public required int KvTokens { get; init; }

    public required long KvBytes { get; init; }

    /// <summary>Bytes of activations, logits and the kernels' scratch.</summary>
    public required long WorkspaceBytes { get; init; }

    /// <summary>Tokens one pass carries at most (prefill chunk).</summary>
    public required int PassRows { get; init; }

    /// <summary>Sequences one pass carries at most.</summary>
    public required int PassSequences { get; init; }

    /// <summary>Rows of one pass whose logits are wanted at most: more than sequences, so that several drafted tokens of one can be verified.</summary>
    public int PassLogits => LogitsOf(PassRows, PassSequences);

    /// <summary>Tokens a sequence may have.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Bytes of the device that another model takes within the budget, in whole units: the one that drafts.</summary>
    public long CompanionBytes { get; init; }

    internal static int LogitsOf(int rows, int sequences) => Math.Min(rows, 2 * sequences);

    public long SlotsBytes => SlotCount * SlotBytes;

    /// <summary>Device memory that will be allocated, a companion's counted in: never above <see cref="DeviceBudget"/>.</summary>
    public long TotalBytes => OwnBytes + CompanionBytes;

    /// <summary>What this model's device is asked for, in whole units; a companion reserves its own.</summary>
    public long ReservedBytes => (OwnBytes + Granularity - 1) / Granularity * Granularity;

    long OwnBytes => ResidentBytes + SlotsBytes + KvBytes + WorkspaceBytes;

    /// <summary>Bytes read from storage for one pass.</summary>
    public long BytesPerPass => Layers.Where(l => l.Tier == Tier.Storage).Sum(l => l.Bytes);
}
