using NvStream.Gguf;

namespace NvStream.Storage;

/// <summary>A route that cannot be had, or a read that did not deliver.</summary>
public sealed class StorageException : NvStreamException
{
    const string ReadFailedId = "StorageReadFailed";
    const string ReadFailedRemedy =
        "Check that the file was not replaced or truncated while in use and that its device is healthy, then import the model again.";

    internal const string RouteUnavailableId = "RouteUnavailable";

    StorageException(string errorId, string message, string remedy, Exception? inner = null)
        : base(errorId, message, remedy, inner) => Reason = message;

    /// <summary>Why, without the rest of the message's sentence.</summary>
    public string Reason { get; private init; }

    public static StorageException RouteUnavailable(RouteKind route, string reason, string remedy) => new(
        RouteUnavailableId, $"Route {route} cannot be had: {reason}.", remedy) { Reason = reason };

    /// <summary>A read that failed or came up short: the file shrank, the device failed.</summary>
    /// <param name="reason">In the system's words; null where it only came up short.</param>
    public static StorageException ReadFailed(string path, RouteKind route, long offset, long expected, long got, string? reason = null) => new(
        ReadFailedId,
        $"Reading '{path}' by route {route} at byte {offset}: {expected} bytes expected, {got} read"
            + (reason is null ? "; the file is shorter than when it was opened." : $" ({reason.TrimEnd('.')})."),
        ReadFailedRemedy);

    /// <summary>A read that the system did not end.</summary>
    public static StorageException TimedOut(string path, RouteKind route, long offset, long expected, TimeSpan limit) => new(
        ReadFailedId,
        FormattableString.Invariant(
            $"Reading '{path}' by route {route} at byte {offset}: {expected} bytes expected, none within {limit.TotalSeconds:0.#} s."),
        "Check the drive and the connection to it (the system's log says more), then import the model again.");

    public static StorageException FileChanged(string path, RouteKind route) => new(
        ReadFailedId, $"Reading '{path}' by route {route}: the file was written to since it was opened.", ReadFailedRemedy);

    /// <summary>What the route reads with does not work, whatever it reads.</summary>
    public static StorageException RouteFailed(RouteKind route, Exception error) => new(
        ReadFailedId, $"Route {route} cannot go on: {error.Message}", (error as NvStreamException)?.Remedy ?? ReadFailedRemedy, error);

    /// <summary>The same, where the reader of the file's own structures found it cut short.</summary>
    public static StorageException ReadFailed(GgufException error) => new(ReadFailedId, error.Message, ReadFailedRemedy, error);

    /// <summary>No scratch file of that size can be made there.</summary>
    public static StorageException ScratchFileFailed(string folder, long needed, long free, string reason, Exception? inner = null) => new(
        "ScratchFileFailed",
        $"A scratch file of {needed} bytes cannot be made in '{folder}', which has {free} bytes free: {reason}.",
        "Give a smaller -Size, free some space, or name a folder on another disk or an existing file.", inner);

    /// <summary>The file to be measured cannot be.</summary>
    public static StorageException PathUnreadable(string path, string reason, Exception? inner = null) => new(
        "PathUnreadable", $"'{path}' cannot be measured: {reason}.", "Name a readable file of 4096 bytes or more, or a folder that a scratch file can be made in.", inner);
}
