using System.Globalization;
using System.Text.Json;
using NvStream.Inference;
using Spectre.Console;

namespace NvStream.Examples;

/// <summary>The two tables: what the model said, and what it took.</summary>
static class Report
{
    static readonly string[] Columns = ["host", "source", "severity", "category", "component", "action"];

    /// <exception cref="JsonException">An answer is not JSON.</exception>
    public static Table Fields(IEnumerable<InferenceResult> answers)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns(Columns);
        foreach (var answer in answers)
        {
            using var json = JsonDocument.Parse(answer.Text);
            table.AddRow([.. Columns.Select(c => Markup.Escape(json.RootElement.GetProperty(c).GetString() ?? ""))]);
        }

        return table;
    }

    /// <param name="firstText">From the start of the process to the first text of an answer.</param>
    /// <param name="elapsed">From the beginning of the load to the end of the last answer.</param>
    public static Table Figures(StreamModel model, InferenceResult[] answers, TimeSpan firstText, TimeSpan elapsed)
    {
        var plan = model.Plan;
        var longest = answers.MaxBy(a => a.Passes)!;
        var tokens = answers.Sum(a => a.TokenCount);
        return new Table().Border(TableBorder.Rounded).HideHeaders().AddColumns("", "")
            .AddRow("model", Text($"{model.Name}, {model.Quantization}, {Bytes(model.Size)} on {model.Device}"))
            .AddRow("budget", Text($"{Bytes(plan.DeviceBudget)}: {Bytes(plan.KvBytes)} KV cache, {Bytes(plan.WorkspaceBytes)} work space, {Bytes(plan.SlotsBytes)} in {plan.SlotCount} slots, {Bytes(plan.ResidentBytes)} resident weights"))
            .AddRow("layers", Text($"{model.LayerCount}: {model.ResidentLayerCount} resident, {model.StreamedLayerCount} streamed by {model.Route} ({model.RouteReason})"))
            .AddRow("tokens", Text($"{tokens} in {longest.Passes} passes, {tokens / longest.Duration.TotalSeconds:F0} tokens/s"))
            .AddRow("bytes streamed", Text($"{Bytes(longest.BytesStreamed)}, {Bytes(plan.BytesPerPass)} a pass, {Bytes((long)longest.StreamRate)}/s"))
            .AddRow("stall", Text($"{longest.StallFraction:P1} of the time compute waited for bytes; {longest.BindingTerm} binds"))
            .AddRow("first text", Text($"{firstText.TotalSeconds:F2} s after the process started"))
            .AddRow("load and run", Text($"{elapsed.TotalSeconds:F2} s"));
    }

    static string Text(FormattableString text) => Markup.Escape(text.ToString(CultureInfo.InvariantCulture));

    static string Bytes(long bytes) => bytes switch
    {
        >= 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):F2} GB"),
        >= 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):F1} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:F0} KB"),
    };
}
