namespace NvStream.Storage.CuFile;

/// <summary>cuFile cannot be had, or not for this file; whoever wanted a route by it says which with <see cref="For"/>.</summary>
/// <param name="reason">A clause, without a full stop.</param>
sealed class CuFileException(string reason, string remedy) : NvStreamException("RouteUnavailable", reason + ".", remedy)
{
    /// <summary>A clause, without a full stop.</summary>
    public string Reason { get; } = reason;

    /// <param name="call">The function that answered.</param>
    public static CuFileException From(CuFileError error, string call, string? remedy = null) =>
        new($"{call}: {CuFileCodes.Meaning(error)}", remedy ?? CuFileCodes.Remedy(error.Code));

    public StorageException For(RouteKind route) => StorageException.RouteUnavailable(route, Reason, Remedy);
}
