namespace NvStream.Inference;

/// <summary>How the next token is chosen. Temperature 0 is greedy and deterministic.</summary>
public sealed record SamplingOptions
{
    public float Temperature { get; init; } = 0.7f;

    /// <summary>Keep the k most likely tokens; 0 keeps all.</summary>
    public int TopK { get; init; } = 40;

    /// <summary>Keep the most likely tokens whose probabilities reach p together; 1 keeps all.</summary>
    public float TopP { get; init; } = 0.95f;

    /// <summary>Keep tokens at least this share as likely as the most likely one; 0 keeps all.</summary>
    public float MinP { get; init; } = 0.05f;

    /// <summary>Divides (multiplies, when negative) the logits of the last 64 tokens; 1 changes nothing.</summary>
    public float RepeatPenalty { get; init; } = 1.0f;

    /// <summary>Null draws a seed; the result names it.</summary>
    public ulong? Seed { get; init; }
}

/// <summary>One prompt to be answered.</summary>
public sealed record GenerationRequest
{
    public required string Prompt { get; init; }

    /// <summary>System message of the chat template; not allowed with <see cref="Raw"/>.</summary>
    public string? System { get; init; }

    /// <summary>No chat template; special tokens in the text are parsed.</summary>
    public bool Raw { get; init; }

    public int MaxTokens { get; init; } = 256;

    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Texts that end the answer; they are not part of it.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Who proposes tokens to be verified; <see cref="SpeculationMode.Draft"/> needs a draft model.</summary>
    public SpeculationMode Speculate { get; init; }

    /// <summary>Called on the scheduler's thread with text as it is made; must be quick and must not throw.</summary>
    public Action<string>? OnText { get; init; }

    /// <summary>Whatever the caller wants to find again in the result.</summary>
    public object? InputObject { get; init; }
}
