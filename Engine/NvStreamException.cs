namespace NvStream;

/// <summary>
/// The root of every error the engine raises on purpose. <see cref="ErrorId"/> is stable API: scripts match on it
/// (the cmdlets' FullyQualifiedErrorId begins with it). The message says what was seen and what was expected,
/// <see cref="Remedy"/> what to do.
/// </summary>
public abstract class NvStreamException(string errorId, string message, string remedy, Exception? inner = null)
    : Exception(message, inner)
{
    public string ErrorId { get; } = errorId;

    public string Remedy { get; } = remedy;
}
