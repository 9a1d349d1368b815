using System.Diagnostics;

namespace NvStream.Inference;

/// <summary>
/// The account of many answers: means over their passes. A pass that several answers shared counts once for each of them,
/// so the tokens a pass and rates are those of one answer; what all made together is <see cref="TotalRate"/>. Holds sums,
/// never the answers.
/// </summary>
public sealed class AccountSummary
{
    readonly long _start = Stopwatch.GetTimestamp();
    PassFigures _decodeSums;
    PassFigures _promptSums;
    double _decoded;
    double _prompted;
    long _end;

    public int Answers { get; private set; }

    /// <summary>Tokens of all answers.</summary>
    public long TokenCount { get; private set; }

    /// <summary>Tokens that were proposed to be verified.</summary>
    public long DraftedTokenCount { get; private set; }

    /// <summary>Those of them that became part of an answer.</summary>
    public long AcceptedTokenCount { get; private set; }

    /// <summary>From when the summary was made to the last answer.</summary>
    public TimeSpan Elapsed => Answers == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(_start, _end);

    /// <summary>Tokens of all answers per second of <see cref="Elapsed"/>.</summary>
    public double TotalRate => Rates.Of(TokenCount, Elapsed);

    /// <summary>Accepted tokens per pass that decoded.</summary>
    public double AcceptedPerPass => _decodeSums.Passes == 0 ? 0 : (double)AcceptedTokenCount / _decodeSums.Passes;

    /// <summary>The passes in which answers grew; null where none did.</summary>
    public PassAccount? Decoding => _decodeSums.Passes == 0 ? null : new(_decodeSums, _decoded);

    /// <summary>The passes that took prompts in; null where none did.</summary>
    public PassAccount? Prompts => _promptSums.Passes == 0 ? null : new(_promptSums, _prompted);

    /// <summary>Adds an answer that has just ended.</summary>
    public void Add(InferenceResult answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        Answers++;
        TokenCount += answer.TokenCount;
        DraftedTokenCount += answer.DraftedTokenCount;
        AcceptedTokenCount += answer.AcceptedTokenCount;
        _end = Stopwatch.GetTimestamp();
        if (answer.PromptAccount is { } prompt)
        {
            _promptSums += prompt.Sums;
            _prompted += prompt.Tokens;
        }

        // Where no pass decoded, an answer's account is of its prompt's passes.
        if (answer.TokenCount > 1)
        {
            _decodeSums += answer.Account.Sums;
            _decoded += answer.Account.Tokens;
        }
    }
}
