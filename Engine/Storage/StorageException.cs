using NvStream.Gguf;

namespace NvStream.Storage;

/// <summary>A route that cannot be had, or a read that did not deliver.</summary>
public sealed class StorageException : NvStreamException
{
    const string ReadFailedId = "StorageReadFailed";
    const string ReadFailedRemedy =
        "Check that the file was not replaced or truncated while in use and that its device is healthy, then import the model again.";

    StorageException(string errorId, string message, string remedy, Exception? inner = null)
        : base(errorId, message, remedy, inner)
    {
    }

    public static StorageException RouteUnavailable(RouteKind route, string reason, string remedy) => new(
        "RouteUnavailable", $"Route {route} cannot be had: {reason}.", remedy);

    /// <summary>A read that failed or came up short: the file shrank, the device failed.</summary>
    public static StorageException ReadFailed(string path, RouteKind route, long offset, long expected, long got, Exception? inner = null) => new(
        ReadFailedId,
        $"Reading '{path}' by route {route} at byte {offset}: {expected} bytes expected, {got} read"
            + (inner is null ? "; the file is shorter than when it was opened." : $" ({inner.Message})."),
        ReadFailedRemedy, inner);

    /// <summary>The same, where the reader of the file's own structures found it cut short.</summary>
    public static StorageException ReadFailed(GgufException error) => new(ReadFailedId, error.Message, ReadFailedRemedy, error);
}
