using System.Globalization;
using System.Text;

namespace NvStream.Tokenization.Templates;

/// <summary><c>strftime</c> in the C locale, as <c>strftime_now</c> uses it; <c>%-d</c> leaves leading zeros and spaces out.</summary>
static class TimeFormat
{
    public static string Format(Run run, string format, DateTimeOffset time)
    {
        var output = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 >= format.Length)
            {
                output.Append(format[i]);
                continue;
            }

            bool isBare = format[++i] == '-' && i + 1 < format.Length;
            char directive = isBare ? format[++i] : format[i];
            string text = Directive(directive, time) ?? throw run.Unsupported($"the time format '%{directive}'");
            text = isBare ? text.TrimStart('0', ' ') is { Length: > 0 } bare ? bare : "0" : text;
            run.ChargeText(text.Length);
            output.Append(text);
        }

        return output.ToString();
    }

    static string? Directive(char directive, DateTimeOffset time)
    {
        var culture = CultureInfo.InvariantCulture;
        string Net(string format) => time.ToString(format, culture);
        return directive switch
        {
            'a' => Net("ddd"),
            'A' => Net("dddd"),
            'b' or 'h' => Net("MMM"),
            'B' => Net("MMMM"),
            'c' => $"{Net("ddd MMM")} {time.Day,2} {Net("HH:mm:ss yyyy")}",
            'd' => Net("dd"),
            'D' or 'x' => Net("MM'/'dd'/'yy"),
            'e' => $"{time.Day,2}",
            'f' => Net("ffffff"),
            'F' => Net("yyyy-MM-dd"),
            'H' => Net("HH"),
            'I' => Net("hh"),
            'j' => time.DayOfYear.ToString("000", culture),
            'm' => Net("MM"),
            'M' => Net("mm"),
            'n' => "\n",
            'p' => time.Hour < 12 ? "AM" : "PM",
            'R' => Net("HH:mm"),
            'S' => Net("ss"),
            't' => "\t",
            'T' or 'X' => Net("HH:mm:ss"),
            'u' => (((int)time.DayOfWeek + 6) % 7 + 1).ToString(culture),
            'w' => ((int)time.DayOfWeek).ToString(culture),
            'y' => Net("yy"),
            'Y' => Net("yyyy"),
            'z' or 'Z' => "",
            '%' => "%",
            _ => null,
        };
    }
}
