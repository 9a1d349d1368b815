namespace NvStream.Gguf;

/// <summary>
/// A byte-level BPE vocabulary of any size from 264 up: the 256 bytes, merges of lower-case letters (two letters, a
/// space before a letter, three, four), and the special tokens last.
/// </summary>
static class SyntheticVocabulary
{
    const int Normal = 1;
    const int Control = 3;
    const int Letters = 26;

    const string Template =
        "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + "
        + "'<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

    static readonly string[] s_special =
    [
        "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|system|>", "<|user|>", "<|assistant|>", "<|pad|>",
        "<|reserved|>",
    ];

    public static int MinimumSize => 256 + s_special.Length;

    /// <summary>All merges of up to four letters are used then.</summary>
    public static int MaximumSize => MinimumSize + Letters + Power(2) + Power(3) + Power(4);

    /// <param name="size">Tokens, from <see cref="MinimumSize"/> to <see cref="MaximumSize"/>.</param>
    public static void AddTo(GgufWriter writer, int size)
    {
        var tokens = new string[size];
        var types = new int[size];
        Array.Fill(types, Normal);
        for (var i = 0; i < 256; i++)
        {
            tokens[i] = ByteToken(i).ToString();
        }

        var merges = new string[size - MinimumSize];
        for (var i = 0; i < merges.Length; i++)
        {
            var (left, right) = Merge(i);
            merges[i] = left + " " + right;
            tokens[256 + i] = left + right;
        }

        var firstSpecial = size - s_special.Length;
        s_special.CopyTo(tokens, firstSpecial);
        types.AsSpan(firstSpecial).Fill(Control);
        writer
            .Set("tokenizer.ggml.model", "gpt2")
            .Set("tokenizer.ggml.pre", "llama-bpe")
            .Set("tokenizer.ggml.tokens", tokens)
            .Set("tokenizer.ggml.token_type", types)
            .Set("tokenizer.ggml.merges", merges)
            .Set("tokenizer.ggml.bos_token_id", (uint)Special("<|begin_of_text|>"))
            .Set("tokenizer.ggml.eos_token_id", (uint)Special("<|eot_id|>"))
            .Set("tokenizer.ggml.padding_token_id", (uint)Special("<|pad|>"))
            .Set("tokenizer.ggml.add_bos_token", true)
            .Set("tokenizer.chat_template", Template);

        int Special(string token) => firstSpecial + Array.IndexOf(s_special, token);
    }

    /// <summary>
    /// The character that stands for a byte (GPT-2's bytes_to_unicode): itself where it is visible, else one from
    /// U+0100 on. Token ids go by the byte, so that token i is byte i.
    /// </summary>
    static char ByteToken(int value)
    {
        if (IsVisible(value))
        {
            return (char)value;
        }

        var hidden = 0;
        for (var i = 0; i < value; i++)
        {
            hidden += IsVisible(i) ? 0 : 1;
        }

        return (char)(256 + hidden);
    }

    static bool IsVisible(int value) => value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);

    /// <summary>The merge of a rank. Each makes a token that no other makes.</summary>
    static (string Left, string Right) Merge(int rank)
    {
        if (rank < Letters)
        {
            return (ByteToken(' ').ToString(), Word(rank, 1));
        }

        rank -= Letters;
        for (var length = 2; ; length++)
        {
            if (rank < Power(length))
            {
                var word = Word(rank, length);
                var cut = Math.Min(2, length - 1);
                return (word[..cut], word[cut..]);
            }

            rank -= Power(length);
        }
    }

    static string Word(int number, int length) => string.Create(length, number, static (letters, rest) =>
    {
        for (var i = letters.Length - 1; i >= 0; i--, rest /= Letters)
        {
            letters[i] = (char)('a' + rest % Letters);
        }
    });

    static int Power(int length) => length == 0 ? 1 : Letters * Power(length - 1);
}
