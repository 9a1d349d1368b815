using NvStream.Compute;

namespace NvStream.Storage;

/// <summary>A way from a model's files to memory. Disposal drains what is in flight and closes the files.</summary>
public interface IStorageRoute : IDisposable
{
    RouteKind Kind { get; }

    /// <summary>Why this route and no other, in words for the user.</summary>
    string Reason { get; }

    /// <summary>Bytes of one read.</summary>
    int BlockSize { get; }

    /// <summary>The device's copy fences below this number are the route's own.</summary>
    int CopyFences { get; }

    /// <summary>Time in which at least one read was in flight, since the route was opened.</summary>
    TimeSpan BusyTime { get; }

    /// <summary>
    /// Announces memory of the device's that transfers will lead into again and again (the slots): registered once with
    /// whoever writes to it. Transfers into other memory work too.
    /// </summary>
    void Attach(DeviceMemory memory);

    /// <summary>The memory is about to be freed; no transfer leads into it any more.</summary>
    void Detach(DeviceMemory memory);

    /// <summary>Queues a prepared transfer and returns; transfers are served in the order they were begun.</summary>
    void Begin(Transfer transfer);
}
