using NvStream.Models;

namespace NvStream.Streaming;

/// <summary>What the user asked of a plan.</summary>
/// <param name="DeviceBudget">Bytes.</param>
/// <param name="ContextLength">Tokens a sequence may have.</param>
/// <param name="KvTokens">Cells of the KV pool; null lets the planner choose.</param>
/// <param name="SlotCount">Slots of the belt; null lets the planner choose.</param>
/// <param name="HostBudget">Bytes of pinned host memory; of no use to a device whose memory is host memory.</param>
/// <param name="Companion">A draft model that shares the budget.</param>
/// <param name="Rates">Where they are known, chunks of prefill are made long enough for what streams.</param>
public sealed record PlanRequest(
    long DeviceBudget, int ContextLength, int? KvTokens = null, int? SlotCount = null, long HostBudget = 0, CompanionDemand? Companion = null,
    PlanRates? Rates = null);

/// <summary>What a model that shares the device and the sequences takes of the budget.</summary>
/// <param name="Bytes">Whatever the number of cells, in bytes.</param>
/// <param name="BytesPerCell">Of each cell of the KV pool.</param>
public sealed record CompanionDemand(long Bytes, long BytesPerCell)
{
    /// <summary>Bytes in all, in whole units of the device's: its memory is reserved by itself.</summary>
    public long BytesFor(long cells, long granularity) =>
        checked(MemoryCut.Up(Bytes) + MemoryCut.Up(BytesPerCell * cells) + granularity - 1) / granularity * granularity;
}

/// <summary>How fast a pass's bytes arrive, and how fast its prompt rows are computed.</summary>
/// <param name="Storage">Bytes per second from the file.</param>
/// <param name="Link">Bytes per second from host memory to the device.</param>
/// <param name="Arithmetic">Multiply-adds per second of prompt rows.</param>
public sealed record PlanRates(double Storage, double Link, double Arithmetic)
{
    /// <summary>Seconds until the streamed bytes of a pass have arrived.</summary>
    internal double ArrivalTime(long storageBytes, long hostBytes) => Math.Max(storageBytes / Storage, (storageBytes + hostBytes) / Link);
}
