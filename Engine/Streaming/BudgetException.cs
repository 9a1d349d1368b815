namespace NvStream.Streaming;

/// <summary>A budget that the model cannot run in, however much of it streams.</summary>
public sealed class BudgetException : NvStreamException
{
    BudgetException(string errorId, string message, string remedy, long least)
        : base(errorId, message, remedy) => LeastBytes = least;

    /// <summary>The smallest budget, in bytes, that would do with the options given.</summary>
    public long LeastBytes { get; }

    /// <param name="least">The smallest budget that would do.</param>
    /// <param name="breakdown">What the least consists of.</param>
    public static BudgetException DeviceTooSmall(long budget, long least, string breakdown) => new(
        "DeviceBudgetTooSmall",
        $"A device budget of {budget} bytes is too small: this model needs at least {least} bytes ({breakdown}).",
        $"Give -DeviceBudget {least} or more, or lower -ContextLength.", least);

    /// <param name="need">Bytes the model that drafts would take.</param>
    /// <param name="room">Bytes the plan of the model it drafts for has left.</param>
    public static BudgetException DraftTooLarge(string path, long need, long room) => new(
        "DeviceBudgetTooSmall",
        $"'{path}' needs {need} bytes to draft, and this model's plan has left {room} bytes of its budget.",
        "Import the model with -DraftModel, so that its plan leaves room.", need);
}
