namespace NvStream.Storage;

/// <param name="BlockSize">Bytes of one read, a multiple of 4096.</param>
/// <param name="QueueDepth">Reads in flight.</param>
/// <param name="StagingBytes">Pinned bytes that reads may run ahead of a device's slots, beyond the blocks in flight.</param>
public sealed record RouteOptions(int BlockSize, int QueueDepth, long StagingBytes = 0)
{
    /// <summary>A read that has not ended by then is reported as failed.</summary>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Hears how long each read took.</summary>
    public ReadLatencies? Latencies { get; init; }
}
