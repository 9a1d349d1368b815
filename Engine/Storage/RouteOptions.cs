namespace NvStream.Storage;

/// <param name="BlockSize">Bytes of one read, a multiple of 4096.</param>
/// <param name="QueueDepth">Reads in flight.</param>
public sealed record RouteOptions(int BlockSize, int QueueDepth);
