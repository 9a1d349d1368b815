using System.Text;

namespace NvStream.Tokenization;

/// <summary>
/// What files do not say and every runtime infers from token texts: which tokens end a turn. Names and rules are those
/// of llama.cpp (llama-vocab.cpp, llama_vocab::impl::load), since models are published tested against it.
/// </summary>
static class WellKnownTokens
{
    // In order of preference: some vocabularies hold several, and chat models end turns with the first kind.
    static readonly string[] EndOfTurn =
    [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<EOT>", "_<EOT>",
        "[EOT]", "<｜end▁of▁sentence｜>", "<end_of_utterance>",
    ];

    static readonly string[] EndOfGeneration =
    [
        .. EndOfTurn, "<|eom_id|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "</s>", "[EOS]", "<eos>",
    ];

    // Fill-in-the-middle tokens: the metadata key, whether generation ends at it, and its names.
    static readonly (string Key, bool Ends, string[] Names)[] FillInMiddle =
    [
        ("fim_pre_token_id", false, ["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>"]),
        ("fim_suf_token_id", false, ["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>"]),
        ("fim_mid_token_id", false, ["<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>"]),
        ("fim_pad_token_id", true, ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"]),
        ("fim_rep_token_id", true, ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"]),
        ("fim_sep_token_id", true, ["<|file_sep|>"]),
    ];

    // Markers inside a message of gpt-oss: shown to the reader's parser, so never hidden as control tokens are.
    static readonly string[] AlwaysShown = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

    /// <summary>The token that ends a turn, or null. Its type becomes control.</summary>
    public static int? FindEndOfTurn(TokenizerKeys keys, Vocabulary vocabulary) =>
        keys.SpecialId("eot_token_id") ?? FindControl(vocabulary, EndOfTurn);

    /// <summary>
    /// All tokens after which a model has nothing more to say, ascending. Corrects the types of control tokens that a
    /// converter took for text.
    /// </summary>
    /// <param name="known">Ids that the file names.</param>
    public static int[] FindEndOfGeneration(TokenizerKeys keys, Vocabulary vocabulary, params ReadOnlySpan<int?> known)
    {
        var ends = new SortedSet<int>();
        foreach (var (key, isEnd, names) in FillInMiddle)
        {
            var id = keys.HarmlessId(key) ?? FindControl(vocabulary, names);
            if (isEnd && id is not null)
            {
                ends.Add(id.Value);
            }
        }

        foreach (var name in EndOfGeneration)
        {
            if (FindControl(vocabulary, name) is { } id)
            {
                ends.Add(id);
            }
        }

        foreach (var name in AlwaysShown)
        {
            if (Find(vocabulary, name) is { } id)
            {
                vocabulary[id] = TokenType.UserDefined;
            }
        }

        foreach (var id in known)
        {
            if (id is not null)
            {
                ends.Add(id.Value);
            }
        }

        KeepInnerEnd(vocabulary, ends);
        return [.. ends];
    }

    // Where messages end with <|return|> or <|call|> (gpt-oss), <|end|> only separates the parts of one.
    static void KeepInnerEnd(Vocabulary vocabulary, SortedSet<int> ends)
    {
        bool Has(string name) => Find(vocabulary, name) is not null;

        if ((Has("<|call|>") || Has("<|calls|>")) && (Has("<|return|>") || Has("<|flush|>"))
            && Find(vocabulary, "<|end|>") is { } end)
        {
            ends.Remove(end);
            vocabulary[end] = TokenType.UserDefined;
        }
    }

    static int? FindControl(Vocabulary vocabulary, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (Find(vocabulary, name) is { } id)
            {
                vocabulary[id] = TokenType.Control;
                return id;
            }
        }

        return null;
    }

    static int? Find(Vocabulary vocabulary, string name) =>
        vocabulary.Find(Encoding.UTF8.GetBytes(name)) is >= 0 and var id ? id : null;
}
