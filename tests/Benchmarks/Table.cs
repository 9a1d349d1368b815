using System.Globalization;
using System.Text;

namespace NvStream.Benchmarks;

/// <summary>Columns of text: the first ones to the left, the others to the right.</summary>
sealed class Table(params string[] header)
{
    const string Gap = "  ";

    readonly List<string[]> _rows = [header];

    /// <summary>Columns to the left.</summary>
    public int TextColumns { get; init; } = 1;

    /// <summary>The header first.</summary>
    public IReadOnlyList<string[]> Rows => _rows;

    public void Add(params string[] row) => _rows.Add(row);

    /// <summary>The same for a document.</summary>
    public string ToMarkdown()
    {
        var widths = Widths();
        var text = new StringBuilder();
        for (var i = 0; i < _rows.Count; i++)
        {
            text.AppendLine($"| {string.Join(" | ", Aligned(_rows[i], widths))} |");
            if (i == 0)
            {
                text.AppendLine($"|{string.Join('|', widths.Select((w, c) => c < TextColumns ? new string('-', w + 2) : new string('-', w + 1) + ':'))}|");
            }
        }

        return text.ToString();
    }

    public override string ToString()
    {
        var widths = Widths();
        var text = new StringBuilder();
        for (var i = 0; i < _rows.Count; i++)
        {
            Append(text, _rows[i], widths);
            if (i == 0)
            {
                Append(text, [.. widths.Select(w => new string('-', w))], widths);
            }
        }

        return text.ToString();
    }

    void Append(StringBuilder text, string[] row, int[] widths)
    {
        text.AppendLine(string.Join(Gap, Aligned(row, widths)).TrimEnd());
    }

    IEnumerable<string> Aligned(string[] row, int[] widths) =>
        row.Select((cell, c) => c < TextColumns ? cell.PadRight(widths[c]) : cell.PadLeft(widths[c]));

    int[] Widths() => [.. Enumerable.Range(0, header.Length).Select(c => _rows.Max(r => r[c].Length))];

    /// <summary>Three significant digits, and no fewer than all before the point.</summary>
    public static string Number(double value)
    {
        var magnitude = Math.Abs(value);
        var decimals = magnitude >= 100 || magnitude == 0 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3;
        return value.ToString("F" + decimals, CultureInfo.InvariantCulture);
    }
}
