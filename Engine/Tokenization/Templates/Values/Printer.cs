using System.Globalization;
using System.Text;

namespace NvStream.Tokenization.Templates;

/// <summary>Python's <c>str()</c> and <c>repr()</c>.</summary>
static class Printer
{
    /// <summary><c>str()</c>: what printing a value writes.</summary>
    public static string Text(Run run, Value value) => value switch
    {
        StrValue text => text.Text,
        UndefinedValue => "",
        _ => Represent(run, value),
    };

    public static string Represent(Run run, Value value)
    {
        var output = new StringBuilder();
        Append(run, output, value, 0);
        return output.ToString();
    }

    static void Append(Run run, StringBuilder output, Value value, int depth)
    {
        run.CheckDepth(depth);
        run.ChargeText(16);
        int start = output.Length;
        switch (value)
        {
            case NoneValue:
                output.Append("None");
                break;
            case BoolValue:
                output.Append(value.IsTrue ? "True" : "False");
                break;
            case IntValue integer:
                output.Append(CultureInfo.InvariantCulture, $"{integer.Number}");
                break;
            case FloatValue real:
                output.Append(Numbers.Text(real.Number));
                break;
            case StrValue text:
                PythonText.AppendQuoted(output, text.Text);
                break;
            case ListValue list:
                AppendItems(run, output, list, '[', ']', depth);
                break;
            case TupleValue tuple:
                AppendItems(run, output, tuple, '(', ')', depth);
                break;
            case DictValue dict:
                AppendDict(run, output, dict, depth);
                break;
            case DictView view:
                output.Append(view.TypeName).Append('(');
                AppendItems(run, output, view, '[', ']', depth);
                output.Append(')');
                break;
            case NamespaceValue scope:
                output.Append("<Namespace ");
                AppendDict(run, output, scope.Attributes, depth);
                output.Append('>');
                break;
            case RangeValue range:
                output.Append(CultureInfo.InvariantCulture, $"range({range.Start}, {range.Stop}");
                output.Append(range.Step == 1 ? ")" : string.Create(CultureInfo.InvariantCulture, $", {range.Step})"));
                break;
            case LoopValue loop:
                output.Append(CultureInfo.InvariantCulture, $"<LoopContext {loop.Index}/{loop.Length}>");
                break;
            case UndefinedValue:
                output.Append("Undefined");
                break;
            default:
                output.Append('<').Append(value.TypeName).Append('>');
                break;
        }

        if (value is StrValue or IntValue or FloatValue)
        {
            run.ChargeText(output.Length - start);
        }
    }

    static void AppendItems(Run run, StringBuilder output, Value value, char open, char close, int depth)
    {
        output.Append(open);
        int count = 0;
        foreach (Value item in value.Items!)
        {
            output.Append(count++ > 0 ? ", " : "");
            Append(run, output, item, depth + 1);
        }

        output.Append(value is TupleValue && count == 1 ? "," : "").Append(close);
    }

    static void AppendDict(Run run, StringBuilder output, DictValue dict, int depth)
    {
        output.Append('{');
        int count = 0;
        foreach (var (key, value) in dict.Entries)
        {
            output.Append(count++ > 0 ? ", " : "");
            Append(run, output, key, depth + 1);
            output.Append(": ");
            Append(run, output, value, depth + 1);
        }

        output.Append('}');
    }
}
