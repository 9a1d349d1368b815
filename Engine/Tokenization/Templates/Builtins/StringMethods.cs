using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace NvStream.Tokenization.Templates;

/// <summary>Methods of strings, as Python's <c>str</c> has them.</summary>
static class StringMethods
{
    public static readonly FrozenDictionary<string, Builtin> Table = new Dictionary<string, Builtin>
    {
        ["strip"] = new(0, ["chars"], (run, self, a) => Strip(run, self, a[0], true, true)),
        ["lstrip"] = new(0, ["chars"], (run, self, a) => Strip(run, self, a[0], true, false)),
        ["rstrip"] = new(0, ["chars"], (run, self, a) => Strip(run, self, a[0], false, true)),
        ["upper"] = Map(TextCase.Upper),
        ["lower"] = Map(TextCase.Lower),
        ["title"] = Map(TextCase.TitleWords),
        ["capitalize"] = Map(TextCase.Capitalize),
        ["split"] = new(0, ["sep", "maxsplit"], (run, self, a) =>
            Pieces(run, TextSplit.Split(run, Text(self), Argument.OptionalText(run, a[0]), Argument.Integer(run, a[1], -1), fromRight: false))),
        ["rsplit"] = new(0, ["sep", "maxsplit"], (run, self, a) =>
            Pieces(run, TextSplit.Split(run, Text(self), Argument.OptionalText(run, a[0]), Argument.Integer(run, a[1], -1), fromRight: true))),
        ["splitlines"] = new(0, ["keepends"], (run, self, a) => Pieces(run, TextSplit.Lines(run, Text(self), Argument.Flag(a[0])))),
        ["partition"] = new(1, ["sep"], (run, self, a) => Partition(run, Text(self), Argument.Text(run, a[0]!), fromRight: false)),
        ["rpartition"] = new(1, ["sep"], (run, self, a) => Partition(run, Text(self), Argument.Text(run, a[0]!), fromRight: true)),
        ["startswith"] = new(1, ["prefix", "start", "end"], (run, self, a) =>
            IsAffix(run, Range(run, self, a[1], a[2]), a[0]!, atEnd: false)),
        ["endswith"] = new(1, ["suffix", "start", "end"], (run, self, a) =>
            IsAffix(run, Range(run, self, a[1], a[2]), a[0]!, atEnd: true)),
        ["removeprefix"] = new(1, ["prefix"], (run, self, a) =>
        {
            string prefix = Argument.Text(run, a[0]!);
            return run.Text(IsAffix(run, Text(self), prefix, atEnd: false) ? Text(self)[prefix.Length..] : Text(self));
        }),
        ["removesuffix"] = new(1, ["suffix"], (run, self, a) =>
        {
            string suffix = Argument.Text(run, a[0]!);
            return run.Text(IsAffix(run, Text(self), suffix, atEnd: true) ? Text(self)[..^suffix.Length] : Text(self));
        }),
        ["replace"] = new(2, ["old", "new", "count"], (run, self, a) =>
            run.Text(Replace(run, Text(self), Argument.Text(run, a[0]!), Argument.Text(run, a[1]!), Argument.Integer(run, a[2], -1)))),
        ["find"] = new(1, ["sub", "start", "end"], (run, self, a) => new IntValue(Find(run, self, a, fromRight: false))),
        ["rfind"] = new(1, ["sub", "start", "end"], (run, self, a) => new IntValue(Find(run, self, a, fromRight: true))),
        ["index"] = new(1, ["sub", "start", "end"], (run, self, a) =>
            Find(run, self, a, fromRight: false) is >= 0 and var index ? new IntValue(index) : throw run.Fail("index() of a substring that is not found")),
        ["count"] = new(1, ["sub", "start", "end"], (run, self, a) =>
        {
            string part = Argument.Text(run, a[0]!);
            StrValue? text = Range(run, self, a[1], a[2]);
            run.ChargeText((text?.Text.Length ?? 0) + (long)part.Length);
            return new IntValue(text is null ? 0 : part.Length == 0 ? text.Length!.Value + 1 : new TextSearch(part).FindAll(text.Text).Count);
        }),
        ["join"] = new(1, ["items"], (run, self, a) =>
            run.Text(Join(run, Text(self), run.Iterate(a[0]!).Select(item => Argument.Text(run, item))))),
        ["format"] = new((run, self, arguments) => run.Text(BraceFormat.Format(run, Text(self), arguments))),
        ["isspace"] = All(static (text, i) => PythonText.IsSpace(text[i])),
        ["isalpha"] = All(static (text, i) => char.IsLetter(text, i)),
        ["isalnum"] = All(static (text, i) => char.IsLetter(text, i) || CharUnicodeInfo.GetNumericValue(text, i) >= 0),
        ["isdigit"] = All(static (text, i) => CharUnicodeInfo.GetDigitValue(text, i) >= 0),
        ["isdecimal"] = All(static (text, i) => CharUnicodeInfo.GetDecimalDigitValue(text, i) >= 0),
        ["isnumeric"] = All(static (text, i) => CharUnicodeInfo.GetNumericValue(text, i) >= 0),
        ["isupper"] = new((run, self) => IsCase(run, Text(self), upper: true)),
        ["islower"] = new((run, self) => IsCase(run, Text(self), upper: false)),
    }.ToFrozenDictionary();

    /// <param name="most">Replacements at most; negative for all.</param>
    public static string Replace(Run run, string text, string old, string with, long most)
    {
        run.ChargeText(text.Length + (long)old.Length);
        if (most == 0)
        {
            return text;
        }

        most = most < 0 ? long.MaxValue : most;
        var places = old.Length > 0 ? new TextSearch(old).FindAll(text, most) : Boundaries(text, most);
        run.ChargeItems(places.Count / 4);
        run.ChargeText(places.Count * (long)with.Length);
        if (places.Count == 0)
        {
            return text;
        }

        var replaced = new StringBuilder();
        int from = 0;
        foreach (int place in places)
        {
            replaced.Append(text, from, place - from).Append(with);
            from = place + old.Length;
        }

        return replaced.Append(text, from, text.Length - from).ToString();
    }

    public static string Join(Run run, string separator, IEnumerable<string> items)
    {
        var joined = new StringBuilder();
        bool isFirst = true;
        foreach (string item in items)
        {
            run.ChargeText(separator.Length + (long)item.Length);
            joined.Append(isFirst ? "" : separator).Append(item);
            isFirst = false;
        }

        return joined.ToString();
    }

    public static BoolValue IsCase(Run run, string text, bool upper)
    {
        run.ChargeText(text.Length);
        return BoolValue.Of(TextCase.IsAll(text, upper));
    }

    static string Text(Value self) => ((StrValue)self).Text;

    static Builtin Map(Func<string, string> map) => new((run, self) => run.Text(map(Text(self))));

    static Builtin All(Func<string, int, bool> test) => new((run, self) =>
    {
        string text = Text(self);
        run.ChargeText(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (!test(text, i))
            {
                return BoolValue.False;
            }

            i += char.IsSurrogatePair(text, i) ? 1 : 0;
        }

        return BoolValue.Of(text.Length > 0);
    });

    static StrValue Strip(Run run, Value self, Value? characters, bool left, bool right)
    {
        string? set = Argument.OptionalText(run, characters);
        return run.Text(Strip(run, Text(self), set, left, right));
    }

    /// <summary><see cref="PythonText.Strip"/>, charged by what it looks at.</summary>
    public static string Strip(Run run, string text, string? characters, bool left, bool right)
    {
        run.ChargeText(text.Length + 4L * (characters?.Length ?? 0));
        return PythonText.Strip(text, characters, left, right);
    }

    static ListValue Pieces(Run run, List<string> pieces)
    {
        run.ChargeItems(4L * pieces.Count);
        return new ListValue(pieces.ConvertAll(piece => (Value)new StrValue(piece)));
    }

    /// <summary>The text from code point <paramref name="start"/> to <paramref name="end"/>, as slices count; null from beyond the end.</summary>
    static StrValue? Range(Run run, Value self, Value? start, Value? end) =>
        start is null && end is null ? (StrValue)self
        : Argument.Integer(run, start, 0) > self.Length ? null
        : (StrValue)Operators.Slice(run, self, start ?? NoneValue.Instance, end ?? NoneValue.Instance, NoneValue.Instance);

    static long Find(Run run, Value self, Value?[] a, bool fromRight)
    {
        string part = Argument.Text(run, a[0]!);
        if (Range(run, self, a[1], a[2]) is not StrValue { Text: var text })
        {
            return -1;
        }

        run.ChargeText(text.Length + (long)part.Length);
        int at = fromRight && part.Length == 0 ? text.Length
            : fromRight ? TextSearch.FindAllFromRight(text, part, 1) is [int last] ? last : -1
            : new TextSearch(part).Find(text, 0);
        long start = Argument.Integer(run, a[1], 0);
        long first = Math.Max(0, start < 0 ? start + self.Length!.Value : start);
        return at < 0 ? -1 : first + new StrValue(text[..at]).Length!.Value;
    }

    static BoolValue IsAffix(Run run, StrValue? text, Value affix, bool atEnd)
    {
        IEnumerable<Value> affixes = affix is TupleValue ? run.Iterate(affix) : [affix];
        return BoolValue.Of(text is not null && affixes.Any(candidate => IsAffix(run, text.Text, Argument.Text(run, candidate), atEnd)));
    }

    static bool IsAffix(Run run, string text, string affix, bool atEnd)
    {
        run.ChargeText(affix.Length);
        return atEnd ? text.EndsWith(affix, StringComparison.Ordinal) : text.StartsWith(affix, StringComparison.Ordinal);
    }

    static TupleValue Partition(Run run, string text, string separator, bool fromRight)
    {
        run.ChargeItems(8);
        var pieces = TextSplit.Split(run, text, separator, 1, fromRight);
        return pieces is [string before, string after]
            ? new TupleValue([run.Text(before), run.Text(separator), run.Text(after)])
            : new TupleValue(fromRight ? [StrValue.Empty, StrValue.Empty, run.Text(text)] : [run.Text(text), StrValue.Empty, StrValue.Empty]);
    }

    /// <summary>Where an empty string is found: before every code point, and at the end.</summary>
    static List<int> Boundaries(string text, long most)
    {
        var offsets = new List<int>();
        for (int i = 0; i <= text.Length && offsets.Count < most; i++)
        {
            offsets.Add(i);
            i += i < text.Length && char.IsSurrogatePair(text, i) ? 1 : 0;
        }

        return offsets;
    }
}
