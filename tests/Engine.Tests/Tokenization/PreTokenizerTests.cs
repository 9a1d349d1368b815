using System.Collections.Concurrent;
using System.Text;
using System.Text.RegularExpressions;
using NvStream.Tokenization;
using NvStream.Tokenization.PreTokenization;
using Xunit;

namespace NvStream.Tests.Tokenization;

/// <summary>
/// The scanners against the expressions that they stand for, run by .NET over a text in which, as in the reference, each
/// code point beyond ASCII is replaced by one character for its category.
/// </summary>
public class PreTokenizerTests
{
    const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    const string Contraction = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
    const string Rest = @" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const string Llama3 = Contraction + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + Rest;
    const string Qwen2 = Contraction + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + Rest;
    const string Qwen35 = Contraction
        + @"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const string CasedRest = @" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const string Tekken = @"[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))*((?=[\p{L}])([^A-Z]))+"
        + @"|[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))+((?=[\p{L}])([^A-Z]))*|\p{N}|" + CasedRest;
    const string Gpt4o = @"[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))*((?=[\p{L}])([^A-Z]))+" + Contraction
        + @"?|[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))+((?=[\p{L}])([^A-Z]))*" + Contraction + @"?|\p{N}{1,3}|" + CasedRest;
    const string DeepSeek3 = @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
        + @"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    // Expressions without categories run over the text itself; white space beyond ASCII is a vertical tab in both.
    static readonly Dictionary<string, string[]> Expressions = new()
    {
        ["default"] = [@"[\p{P}\$\+<=>\^~\|]+", Gpt2, @"\p{N}+", "[0-9][0-9][0-9]"],
        ["falcon"] = [@"[\p{P}\$\+<=>\^~\|`]+", Gpt2, "[0-9][0-9][0-9]"],
        ["gpt-2"] = [Gpt2],
        ["mpt"] = [Gpt2],
        ["starcoder"] = [@"\p{N}", Gpt2],
        ["refact"] = [@"\p{N}", Gpt2],
        ["smollm"] = [@"\p{N}", Gpt2],
        ["llama-bpe"] = [Llama3],
        ["smaug-bpe"] = [Llama3],
        ["qwen2"] = [Qwen2],
        ["qwen35"] = [Qwen35],
        ["tekken"] = [Tekken],
        ["gpt-4o"] = [Gpt4o],
        ["deepseek-coder"] = ["[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", "[一-龥\u0800-一가-\uD7FF]+", @"\p{N}"],
        ["deepseek-llm"] =
        [
            "[\r\n]", @"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-Ֆἀ-ἕℝ]+",
            @"\s?[!-/:-~！-／：-～‘-‟　-。]+", @"\s+\z", "[一-龥\u0800-一가-\uD7FF]+", @"\p{N}+",
        ],
        ["deepseek-v3"] = [@"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+", DeepSeek3],
    };

    // Several of each kind, in what proportion scanners have to tell them apart; all letters here are in every set
    // that lists letters.
    static readonly string[] Alphabet =
    [
        " ", " ", " ", "  ", "\n", "\r", "\t", "\u00A0", "\u3000", "\u2003", "\u0085", "a", "b", "s", "t", "re", "LL", "A", "Z",
        "'", "'", "'s", "'T", "'ll", "'VE", "é", "É", "ß", "ж", "ἀ", "ℝ", "中", "文", "か", "カ", "가", "1", "2", "3", "45", "²", "½", "٣",
        ".", ",", "!", "/", "//", "-", "~", "$", "+", "<", "|", "`", "^", "=", "（", "。", "…", "‘", "€", "©", "🚀", "😶", "\u0301", "\u0E34",
        "\u200D", "\uFE0F", "\0", "\u0007", "\uE000", "\u0378", "_", "(", "[", "\\",
    ];

    static readonly ConcurrentDictionary<string, Regex> Compiled = new();

    public static TheoryData<string> Names => [.. Expressions.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Scanner_splits_as_the_expression_does(string name)
    {
        var random = new Random(20240601);
        for (var round = 0; round < 1500; round++)
        {
            var text = string.Concat(random.GetItems(Alphabet, random.Next(1, 24)));
            var expected = SplitByExpressions(text, Expressions[name]);
            var actual = Split(text, name);
            if (!expected.SequenceEqual(actual))
            {
                Assert.Fail($"{name}: '{Show([text])}' fell into '{Show(actual)}', expected '{Show(expected)}'");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Words_put_together_are_the_text(string name)
    {
        var random = new Random(7);
        for (var round = 0; round < 300; round++)
        {
            var text = string.Concat(Enumerable.Range(0, 40).Select(_ =>
            {
                var value = random.Next(0x110000 - 0x800);
                return char.ConvertFromUtf32(value < 0xD800 ? value : value + 0x800);
            }));
            var words = Split(text, name);
            Assert.Equal(text, string.Concat(words));
            Assert.DoesNotContain("", words);
        }
    }

    [Theory]
    [InlineData("llama-bpe", "I'LL we've it's", "I|'LL| we|'ve| it|'s")]
    [InlineData("gpt-2", "I'LL we've it's", "I|'|LL| we|'ve| it|'s")]
    [InlineData("llama-bpe", "1234567", "123|456|7")]
    [InlineData("qwen2", "1234", "1|2|3|4")]
    [InlineData("falcon", "12345 6789", "123|45| |678|9")]
    [InlineData("deepseek-llm", "abc 123中文 x  ", "abc| |123|中文| x|  ")]
    [InlineData("tekken", "HelloWorld ABCdef", "Hello|World| ABCdef")]
    // Letters, digits and marks of the supplementary planes: Deseret, mathematical digits.
    [InlineData("llama-bpe", "𐐀𐐁 𝟏𝟐𝟑𝟒!", "𐐀𐐁| |𝟏𝟐𝟑|𝟒|!")]
    [InlineData("deepseek-llm", "x 𐐀𐐁𝟏", "x| 𐐀𐐁|𝟏")]
    public void Splits_known_texts(string name, string text, string words)
    {
        Assert.Equal(words.Split('|'), Split(text, name));
    }

    [Theory]
    [InlineData("llama3", true, true)]
    [InlineData("llama-v3", true, true)]
    [InlineData("tekken", true, true)]
    [InlineData("smaug-bpe", false, false)]
    [InlineData("qwen2", false, false)]
    [InlineData("gpt-2", false, false)]
    public void Names_bring_their_flags(string name, bool ignoresMerges, bool addsBos)
    {
        Assert.Equal(ignoresMerges, PreTokenizer.Get(name).IgnoresMerges);
        Assert.Equal(addsBos, PreTokenizer.Get(name).AddsBos);
    }

    [Fact]
    public void An_unknown_name_is_an_error_that_lists_the_known_ones()
    {
        var error = Assert.Throws<TokenizerException>(() => PreTokenizer.Get("klingon"));
        Assert.Equal("TokenizerUnsupported", error.ErrorId);
        Assert.Contains("klingon", error.Message);
        Assert.Contains("llama-bpe", error.Message);
    }

    static string Show(IEnumerable<string> words) =>
        string.Join("' '", words.Select(word => string.Concat(word.EnumerateRunes().Select(
            rune => rune.Value is > 0x20 and < 0x7F ? rune.ToString() : $"[{rune.Value:X}]"))));

    static string[] Split(string text, string name)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        var values = new int[utf8.Length];
        var kinds = new CharKind[utf8.Length];
        var count = CodePoints.Decode(utf8, values, kinds);
        var ends = new List<int>();
        PreTokenizer.Get(name).Split(new CodePoints(values.AsSpan(0, count), kinds.AsSpan(0, count)), ends, []);
        var starts = ends.Prepend(0).ToArray();
        return [.. ends.Select((end, i) => string.Concat(values[starts[i]..end].Select(char.ConvertFromUtf32)))];
    }

    static string[] SplitByExpressions(string text, string[] expressions)
    {
        var runes = text.EnumerateRunes().ToArray();
        var collapsed = string.Concat(runes.Select(Collapse));
        // One character a code point; those that need two are in no listed range.
        var plain = string.Concat(runes.Select(
            rune => rune.Value > 0x7F && Rune.IsWhiteSpace(rune) ? '\v' : rune.IsBmp ? (char)rune.Value : '\uFFFF'));
        var ends = new List<int> { runes.Length };
        foreach (var expression in expressions)
        {
            var regex = Compiled.GetOrAdd(expression, x => new Regex(CollapseExpression(x), RegexOptions.CultureInvariant));
            var subject = expression.Contains(@"\p{") ? collapsed : plain;
            var next = new List<int>();
            var start = 0;
            foreach (var end in ends)
            {
                // As the reference does, the expression sees nothing beyond its part.
                foreach (Match match in regex.Matches(subject[start..end]))
                {
                    if (match.Index > next.LastOrDefault() - start && match.Index > 0)
                    {
                        next.Add(start + match.Index);
                    }

                    next.Add(start + match.Index + match.Length);
                }

                if (next.LastOrDefault() < end)
                {
                    next.Add(end);
                }

                start = end;
            }

            ends = next;
        }

        var starts = ends.Prepend(0).ToArray();
        return [.. ends.Select((end, i) => string.Concat(runes[starts[i]..end]))];
    }

    static char Collapse(Rune rune) => rune.Value < 128 ? (char)rune.Value : Rune.IsWhiteSpace(rune) ? '\v'
        : Rune.IsLetter(rune) ? 'Ñ' : Rune.IsNumber(rune) ? '±' : Rune.IsPunctuation(rune) ? '¿' : Rune.IsSymbol(rune) ? '§'
        : Rune.GetUnicodeCategory(rune).ToString().EndsWith("Mark", StringComparison.Ordinal) ? '¨' : 'º';

    static string CollapseExpression(string expression)
    {
        var collapsed = new StringBuilder();
        var inside = false;
        for (var i = 0; i < expression.Length; i++)
        {
            if (expression.AsSpan(i).StartsWith(@"\p{"))
            {
                var characters = expression[i + 3] switch
                {
                    'L' => "ÑA-Za-z",
                    'N' => "±0-9",
                    'P' => @"¿!-#%-*,-/:-;?-@\[-\]_{}",
                    'S' => @"§$+<->^`|~",
                    _ => "¨",
                };
                collapsed.Append(inside ? characters : $"[{characters}]");
                i += 4;
                continue;
            }

            if (expression[i] == '\\')
            {
                collapsed.Append(expression, i++, 2);
                continue;
            }

            inside = expression[i] == '[' || (inside && expression[i] != ']');
            collapsed.Append(expression[i]);
        }

        return collapsed.ToString();
    }
}
