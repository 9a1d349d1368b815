namespace NvStream.Tokenization.Templates;

/// <summary>Filters on texts, and those that make a text of any value.</summary>
static class TextFilters
{
    public static readonly Dictionary<string, Builtin> All = new()
    {
        ["trim"] = new(0, ["chars"], (run, value, a) =>
        {
            string text = Text(run, value);
            return run.Text(StringMethods.Strip(run, text, Argument.OptionalText(run, a[0]), true, true));
        }),
        ["upper"] = Map(TextCase.Upper),
        ["lower"] = Map(TextCase.Lower),
        ["capitalize"] = Map(TextCase.Capitalize),
        ["title"] = Map(TextCase.TitleFilter),
        ["string"] = new((run, value) => value as StrValue ?? run.Text(Printer.Text(run, value))),
        ["safe"] = new((run, value) => value as StrValue ?? run.Text(Printer.Text(run, value))),
        ["escape"] = new((run, value) => Escape(run, value)),
        ["e"] = new((run, value) => Escape(run, value)),
        ["replace"] = new(2, ["old", "new", "count"], (run, value, a) =>
            run.Text(StringMethods.Replace(run, Text(run, value), Text(run, a[0]!), Text(run, a[1]!), Argument.Integer(run, a[2], -1)))),
        ["indent"] = new(0, ["width", "first", "blank"], (run, value, a) => Indent(run, Argument.Text(run, value), a)),
        ["format"] = new((run, value, arguments) => Format(run, value, arguments)),
        ["tojson"] = new(0, ["ensure_ascii", "indent", "separators", "sort_keys"], (run, value, a) => ToJson(run, value, a)),
    };

    static string Text(Run run, Value value) => Printer.Text(run, value);

    static Builtin Map(Func<string, string> map) => new((run, value) => run.Text(map(Text(run, value))));

    static StrValue Escape(Run run, Value value)
    {
        string text = Text(run, value);
        run.ChargeText(5L * text.Length);
        return run.Text(text.Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").Replace("'", "&#39;").Replace("\"", "&#34;"));
    }

    static StrValue Indent(Run run, string text, Value?[] a)
    {
        string indent = a[0] is StrValue given ? given.Text : Spaces(run, Argument.Integer(run, a[0], 4));
        bool indentsFirst = Argument.Flag(a[1]);
        bool indentsBlank = Argument.Flag(a[2]);
        var lines = TextSplit.Lines(run, text + "\n", keepEnds: false);
        run.ChargeText(text.Length);
        run.ChargeText(lines.Count * (long)indent.Length);
        var indented = lines.Select((line, i) => (i == 0 ? indentsFirst : indentsBlank || line.Length > 0) ? indent + line : line);
        return run.Text(string.Join('\n', indented));
    }

    static string Spaces(Run run, long count)
    {
        run.ChargeText(Math.Max(0, count));
        return new string(' ', (int)Math.Max(0, count));
    }

    static StrValue Format(Run run, Value value, Arguments arguments)
    {
        var mapping = new DictValue();
        foreach (var (name, item) in arguments.Named)
        {
            mapping[name] = item;
        }

        if (arguments.Positional.Count > 0 && arguments.Named.Count > 0)
        {
            throw run.Fail("'format' takes positional or keyword arguments, not both");
        }

        Value all = arguments.Named.Count > 0 ? mapping : NoneValue.Instance;
        return run.Text(PrintfFormat.Format(run, Text(run, value), arguments.Positional, all));
    }

    static StrValue ToJson(Run run, Value value, Value?[] a)
    {
        string? indent = a[1] is null or NoneValue ? null
            : a[1] is StrValue given ? given.Text
            : Spaces(run, Argument.Integer(run, a[1], 0));
        string itemSeparator = indent is null ? ", " : ",";
        string keySeparator = ": ";
        if (a[2] is not (null or NoneValue))
        {
            if (a[2] is not SequenceValue { Count: 2 } pair)
            {
                throw run.Fail("the separators of 'tojson' are a pair of strings");
            }

            itemSeparator = Argument.Text(run, pair[0]);
            keySeparator = Argument.Text(run, pair[1]);
        }

        run.ChargeText(itemSeparator.Length + keySeparator.Length);
        return run.Text(new JsonPrinter(run, Argument.Flag(a[0]), indent, itemSeparator, keySeparator, Argument.Flag(a[3])).Print(value));
    }
}
