namespace NvStream.Inference;

/// <summary>
/// Who proposes tokens that a pass then verifies, several at once. The text is the same whoever does: a proposed token
/// counts only where it is the one that the model itself chooses.
/// </summary>
public enum SpeculationMode
{
    /// <summary>What pays by the passes' measured times and the proposals' measured acceptance; nobody where nothing does.</summary>
    Auto,

    /// <summary>One token a pass.</summary>
    None,

    /// <summary>Copies what followed the last tokens where they stood before, in the prompt or the answer.</summary>
    Lookup,

    /// <summary>A small model of the same vocabulary.</summary>
    Draft,
}
