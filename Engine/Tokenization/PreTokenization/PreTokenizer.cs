namespace NvStream.Tokenization.PreTokenization;

/// <summary>
/// How byte-level BPE cuts text into words before it merges (tokenizer.ggml.pre), by the names that llama.cpp gives
/// (llama-vocab.cpp). The expressions are applied one after another, each to the parts that the one before left.
/// </summary>
sealed class PreTokenizer
{
    // Ranges of the letters, punctuation and ideographs that DeepSeek's tokenizer.json spells out.
    const string DeepSeekLetters =
        "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1F7Dᾀ-ᾴᾶ-ᾼ"
        + "\u1FBEῂ-ῄῆ-ῌῐ-\u1FD3ῖ-\u1FDBῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212A-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗ"
        + "Ａ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃";

    const string DeepSeekPunctuation = "!-/:-~！-／：-～‘-‟\u3000-。";
    const string DeepSeekIdeographs = "一-龥\u0800-一가-\uD7FF";

    static readonly Dictionary<string, PreTokenizer> Known = MakeKnown();

    readonly SplitRule[] _rules;

    PreTokenizer(bool ignoresMerges, bool addsBos, params SplitRule[] rules)
    {
        IgnoresMerges = ignoresMerges;
        AddsBos = addsBos;
        _rules = rules;
    }

    /// <summary>Whether a word that is a token is taken as it is, even if merges would not lead to it.</summary>
    public bool IgnoresMerges { get; }

    /// <summary>Whether a text begins with BOS when the file does not say.</summary>
    public bool AddsBos { get; }

    /// <exception cref="TokenizerException">TokenizerUnsupported.</exception>
    public static PreTokenizer Get(string name) =>
        Known.TryGetValue(name, out var found)
            ? found
            : throw TokenizerException.Unsupported("tokenizer.ggml.pre", name, Known.Keys.Order(StringComparer.Ordinal));

    /// <summary>Fills <paramref name="ends"/> with where each word ends; <paramref name="scratch"/> is overwritten.</summary>
    public void Split(CodePoints text, List<int> ends, List<int> scratch)
    {
        ends.Clear();
        if (text.Length == 0)
        {
            return;
        }

        ends.Add(text.Length);
        foreach (var rule in _rules)
        {
            scratch.Clear();
            scratch.AddRange(ends);
            ends.Clear();
            var start = 0;
            foreach (var end in scratch)
            {
                rule.Split(text, start, end, ends);
                start = end;
            }
        }
    }

    static Dictionary<string, PreTokenizer> MakeKnown()
    {
        var newline = new RunRule(CharSet.Parse("\r\n"), max: 1);
        var digit = new RunRule(new CharSet(CharKind.Number), max: 1);
        var digits = new RunRule(new CharSet(CharKind.Number));
        var threeAsciiDigits = new RunRule(CharSet.Parse("0-9"), min: 3, max: 3);
        var deepSeekIdeographs = new RunRule(CharSet.Parse(DeepSeekIdeographs));
        var gpt2 = new Gpt2Rule();

        var known = new Dictionary<string, PreTokenizer>();

        void Add(string names, PreTokenizer preTokenizer)
        {
            foreach (var name in names.Split(' '))
            {
                known.Add(name, preTokenizer);
            }
        }

        Add("default", new(false, false,
            new RunRule(new CharSet(CharKind.Punctuation, [.. "$+<=>^~|".Select(x => ((int)x, (int)x))])),
            gpt2, digits, threeAsciiDigits));
        Add("falcon", new(false, false,
            new RunRule(new CharSet(CharKind.Punctuation, [.. "$+<=>^~|`".Select(x => ((int)x, (int)x))])),
            gpt2, threeAsciiDigits));
        Add("gpt-2 phi-2 mpt olmo jais exaone4 trillion gigachat a.x-4.0 mellum granite-docling", new(false, false, gpt2));
        Add("starcoder refact command-r smollm codeshell exaone minerva-7b mellum2", new(false, false, digit, gpt2));
        Add("llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2", new(true, true, new WordRule(3)));
        Add("dbrx smaug-bpe glm4 chatglm-bpe", new(false, false, new WordRule(3)));
        Add("qwen2 deepseek-r1-qwen kormo megrez stablelm2 hunyuan solar-open grok-2", new(false, false, new WordRule(1)));
        Add("qwen35", new(false, false, new WordRule(1, marks: true)));
        Add("tekken", new(true, true, new CasedWordRule(1, contractions: false)));
        Add("gpt-4o llama4 kanana2 minimax-m2", new(false, false, new CasedWordRule(3, contractions: true)));
        Add("deepseek-llm", new(false, false,
            newline,
            new RunRule(CharSet.Parse(DeepSeekLetters), leadingSpace: true),
            new RunRule(CharSet.Parse(DeepSeekPunctuation), leadingSpace: true),
            new TrailingSpaceRule(),
            deepSeekIdeographs,
            digits));
        Add("deepseek-coder", new(false, false,
            newline,
            new RunRule(new CharSet(CharKind.Letter), leadingSpace: true),
            new RunRule(new CharSet(CharKind.Punctuation), leadingSpace: true),
            deepSeekIdeographs,
            digit));
        Add("deepseek-v3 hunyuan-dense joyai-llm", new(false, false,
            new RunRule(new CharSet(CharKind.Number), max: 3),
            new RunRule(CharSet.Parse("一-龥\u3040-\u30FF")),
            new DeepSeekRule()));
        return known;
    }
}
