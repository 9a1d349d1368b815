using System.Globalization;
using System.Text;

namespace NvStream.Tokenization.Templates;

/// <summary>
/// The filter <c>tojson</c> as the Hugging Face libraries define it for chat templates: Python's <c>json.dumps</c>
/// with <c>ensure_ascii=False</c> by default and no HTML escaping (Jinja2's own filter escapes <c>&lt; &gt; &amp; '</c>).
/// </summary>
/// <param name="indent">What a level is indented by; null writes all on one line.</param>
sealed class JsonPrinter(Run run, bool ensureAscii, string? indent, string itemSeparator, string keySeparator, bool sortKeys)
{
    readonly StringBuilder _output = new();

    public string Print(Value value)
    {
        Append(value, 0);
        return _output.ToString();
    }

    void Append(Value value, int depth)
    {
        run.CheckDepth(depth);
        switch (value)
        {
            case StrValue text:
                AppendString(text.Text);
                break;
            case NoneValue or BoolValue or IntValue or FloatValue:
                _output.Append(Scalar(value));
                break;
            case SequenceValue sequence and not RangeValue:
                AppendAll('[', ']', sequence.Count, depth, index => Append(sequence[index], depth + 1));
                break;
            case DictValue dict:
                AppendDict(dict, depth);
                break;
            default:
                throw run.Fail($"a value of type '{value.TypeName}' cannot be written as JSON");
        }
    }

    void AppendDict(DictValue dict, int depth)
    {
        var keys = dict.Entries.Keys.ToList();
        if (sortKeys)
        {
            keys = StableSort.Sort(keys, (a, b) => Operators.Compare(run, a, b));
        }

        AppendAll('{', '}', keys.Count, depth, index =>
        {
            Value key = keys[index];
            AppendString(key is StrValue text ? text.Text : Scalar(key));
            _output.Append(keySeparator);
            Append(dict.Entries[key], depth + 1);
        });
    }

    void AppendAll(char open, char close, int count, int depth, Action<int> append)
    {
        _output.Append(open);
        for (int i = 0; i < count; i++)
        {
            run.ChargeText(itemSeparator.Length + keySeparator.Length);
            _output.Append(i > 0 ? itemSeparator : "");
            NewLine(depth + 1);
            append(i);
        }

        if (count > 0)
        {
            NewLine(depth);
        }

        _output.Append(close);
    }

    void NewLine(int depth)
    {
        if (indent is null)
        {
            return;
        }

        run.ChargeText(1 + (long)indent.Length * depth);
        _output.Append('\n').Insert(_output.Length, indent, depth);
    }

    static string Scalar(Value value) => value switch
    {
        NoneValue => "null",
        BoolValue => value.IsTrue ? "true" : "false",
        IntValue integer => integer.Number.ToString(CultureInfo.InvariantCulture),
        FloatValue { Number: var number } => double.IsFinite(number) ? Numbers.Text(number)
            : double.IsNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity",
        _ => throw new InvalidOperationException(value.TypeName),
    };

    void AppendString(string text)
    {
        run.ChargeText(text.Length);
        _output.Append('"');
        foreach (char c in text)
        {
            switch (c)
            {
                case '"' or '\\': _output.Append('\\').Append(c); break;
                case '\n': _output.Append("\\n"); break;
                case '\r': _output.Append("\\r"); break;
                case '\t': _output.Append("\\t"); break;
                case '\b': _output.Append("\\b"); break;
                case '\f': _output.Append("\\f"); break;
                case < ' ': _output.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"); break;
                case > '~' when ensureAscii: _output.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"); break;
                default: _output.Append(c); break;
            }
        }

        _output.Append('"');
    }
}
