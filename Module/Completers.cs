using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using NvStream.Compute;

namespace NvStream.Commands;

/// <summary>Completes from a list that is at hand: milliseconds, and never a driver loaded for a Tab.</summary>
abstract class ListCompleter : IArgumentCompleter
{
    /// <summary>What can be given, and what the tool tip says of it.</summary>
    protected abstract IEnumerable<(string Value, string ToolTip)> Candidates { get; }

    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var pattern = new WildcardPattern((wordToComplete ?? "").Trim('\'', '"') + "*", WildcardOptions.IgnoreCase);
        return from candidate in Candidates
               where pattern.IsMatch(candidate.Value)
               select new CompletionResult(Quote(candidate.Value), candidate.Value, CompletionResultType.ParameterValue, candidate.ToolTip);
    }

    static string Quote(string value) => value.All(c => char.IsLetterOrDigit(c) || "-_.:%".Contains(c))
        ? value
        : $"'{CodeGeneration.EscapeSingleQuotedStringContent(value)}'";
}

sealed class ModelNameCompleter : ListCompleter
{
    protected override IEnumerable<(string Value, string ToolTip)> Candidates =>
        LoadedModels.All.Select(m => (m.Name, $"{m.Architecture} {m.Quantization}, {m.Path}"));
}

sealed class DeviceCompleter : ListCompleter
{
    /// <summary>What Get-StreamDevice saw last.</summary>
    public static IReadOnlyList<DeviceInfo> Known { private get; set; } = [];

    protected override IEnumerable<(string Value, string ToolTip)> Candidates =>
    [
        ("Auto", "A GPU if one is usable, else the CPU"),
        ("Cpu", "The processor"),
        ("Cuda", "The first NVIDIA GPU"),
        .. Known.Where(d => d.Kind == DeviceKind.Cuda).Select(d => ($"Cuda:{d.Index}", d.Name)),
    ];
}

sealed class MemoryBudgetCompleter : ListCompleter
{
    static readonly int[] Percents = [25, 50, 75, 90];
    static readonly int[] Gigabytes = [1, 4, 8, 16, 24];

    protected override IEnumerable<(string Value, string ToolTip)> Candidates =>
    [
        ("Auto", "90% of what is free on the device, 70% of what is available on the host"),
        .. Percents.Select(p => ($"{p}%", $"{p}% of what is free")),
        .. Gigabytes.Select(g => ($"{g}GB", $"{g} GiB")),
    ];
}
