using NvStream.Streaming;

namespace NvStream.Inference;

public enum FinishReason
{
    /// <summary>The model ended its answer.</summary>
    Stop,

    /// <summary>MaxTokens or the context's end was reached.</summary>
    Length,

    /// <summary>A stop text came.</summary>
    StopSequence,

    Cancelled,
}

/// <summary>
/// An answer and what it cost. Times run from the first pass that carried the prompt. Figures of passes
/// (<see cref="Passes"/>, <see cref="BytesStreamed"/>, <see cref="BytesFromHost"/>, <see cref="StreamRate"/>, <see cref="StallFraction"/>,
/// <see cref="BoundRate"/>) count every pass that this sequence took part in, whole, whoever shared it.
/// </summary>
public sealed record InferenceResult
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    public required string Prompt { get; init; }

    public required string Text { get; init; }

    public required FinishReason FinishReason { get; init; }

    public required int PromptTokenCount { get; init; }

    /// <summary>Tokens the model chose, the ending one included.</summary>
    public required int TokenCount { get; init; }

    public required IReadOnlyList<int> TokenIds { get; init; }

    public required TimeSpan TimeToFirstToken { get; init; }

    /// <summary>Prompt tokens per second until the first token.</summary>
    public required double PromptRate { get; init; }

    /// <summary>Tokens per second after the first; 0 when there is one or none.</summary>
    public required double DecodeRate { get; init; }

    public required TimeSpan Duration { get; init; }

    public required int Passes { get; init; }

    /// <summary>Tokens of this sequence chosen per pass that carried it.</summary>
    public required double TokensPerPass { get; init; }

    /// <summary>Tokens that were proposed to be verified; see <see cref="SpeculationMode"/>.</summary>
    public int DraftedTokenCount { get; init; }

    /// <summary>Those of them that became part of the answer.</summary>
    public int AcceptedTokenCount { get; init; }

    /// <summary>Accepted tokens per pass that decoded: what speculation added to the one token that such a pass always makes.</summary>
    public double AcceptedPerPass { get; init; }

    /// <summary>Decode rate if reads, copies and compute overlapped without a gap: tokens per pass / max(read time, link time, compute time).</summary>
    public required double BoundRate { get; init; }

    public required BindingTerm BindingTerm { get; init; }

    /// <summary>Weight bytes read from storage in these passes.</summary>
    public required long BytesStreamed { get; init; }

    /// <summary>Weight bytes copied from page-locked host memory in these passes.</summary>
    public required long BytesFromHost { get; init; }

    /// <summary>Bytes from storage per second of pass time.</summary>
    public required double StreamRate { get; init; }

    /// <summary>Share of pass time in which compute waited for bytes, 0 to 1.</summary>
    public required double StallFraction { get; init; }

    /// <summary>
    /// Where time and bytes of a pass went, by the passes that decoded; where none did, by the prompt's.
    /// <see cref="BoundRate"/> and <see cref="BindingTerm"/> are its.
    /// </summary>
    public required PassAccount Account { get; init; }

    /// <summary>The same of the passes that took the prompt in, with its tokens; null where none has.</summary>
    public PassAccount? PromptAccount { get; init; }

    public required ulong Seed { get; init; }

    public required IReadOnlyList<int> PromptTokenIds { get; init; }

    /// <summary>The caller's object: the piped one, so that reports can join.</summary>
    public object? InputObject { get; init; }

    public override string ToString() => Text;
}
