using NvStream.Inference;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Tests.Inference;

/// <summary>Where a model's weights lie, for <see cref="IdentityMatrix"/>.</summary>
/// <param name="Device">As <see cref="ModelOptions.Device"/>.</param>
/// <param name="DeviceBudget">Bytes; null for all that is needed.</param>
/// <param name="HostBudget">Bytes.</param>
/// <param name="Tier">Where layers have to be found for the run to be worth something.</param>
sealed record Placement(string Device, long? DeviceBudget, long HostBudget, RouteKind Route, Tier Tier);

/// <summary>
/// Greedy answers do not depend on where the weights lie, on who shares a pass and on who proposes tokens: all must be
/// those of a resident model that answers one at a time with nobody proposing.
/// </summary>
static class IdentityMatrix
{
    public const int ContextLength = 256;

    /// <summary>Sequences that answer together.</summary>
    const int Together = 16;

    /// <summary>Prompts; those of the first few are also answered one at a time.</summary>
    const int PromptCount = 16;
    const int AloneCount = 2;

    static readonly string[] s_sources =
    [
        "df: filesystem /boot is {0}% full",
        "postgres: replica of billing lags by {0} seconds",
        "rabbitmq: queue email consumer timeout after {0}ms",
        "sshd: Failed password for root from 203.4.11.{0} port 40022",
    ];

    /// <summary>A file of the demo model's vocabulary that can draft for it; null where the shared fixtures are absent.</summary>
    public static string? DraftModel { get; } =
        Path.Combine(Fixtures.Repository, "..", "shared", "fixtures", "models", "logtriage-draft-f16.gguf") is var path && File.Exists(path) ? path : null;

    static IEnumerable<string> Prompts { get; } =
        [.. Enumerable.Range(0, PromptCount).Select(i => $"2027-09-{i + 10}T18:12:11Z ci-{i * 7 % 90 + 10} " + string.Format(System.Globalization.CultureInfo.InvariantCulture, s_sources[i % 4], 50 + i))];

    /// <summary>What every other run has to give: text and tokens of each prompt.</summary>
    public static async Task<(string Text, IReadOnlyList<int> Ids)[]> Reference(string device)
    {
        using var model = Load(new(device, null, 0, RouteKind.Auto, Tier.Device), draft: null);
        var answers = await Answer(model, PromptCount, 1, SpeculationMode.None);
        Assert.All(answers, a => Assert.StartsWith("""{"time":"2027-09-""", a.Text, StringComparison.Ordinal));
        return answers;
    }

    /// <summary>All batches and all who may propose, in one model placed as said.</summary>
    /// <param name="isDrafted">Whether a draft model is loaded and asked too.</param>
    public static async Task Check(Placement placement, (string Text, IReadOnlyList<int> Ids)[] reference, bool isDrafted = false)
    {
        using var model = Load(placement, isDrafted ? DraftModel : null);
        Assert.Contains(model.Plan.Layers, l => l.Tier == placement.Tier);
        SpeculationMode[] modes = isDrafted
            ? [SpeculationMode.Draft, SpeculationMode.Auto]
            : [SpeculationMode.None, SpeculationMode.Lookup, SpeculationMode.Auto];
        foreach (var mode in modes)
        {
            foreach (var (count, batch) in new[] { (AloneCount, 1), (PromptCount, Together) })
            {
                var answers = await Answer(model, count, batch, mode);
                for (var i = 0; i < count; i++)
                {
                    var run = $"{placement.Route}, {placement.Tier}, {mode}, {batch} together, prompt {i}";
                    Assert.True(reference[i].Text == answers[i].Text, $"{run}: '{answers[i].Text}' and not '{reference[i].Text}'");
                    Assert.True(reference[i].Ids.SequenceEqual(answers[i].Ids), $"{run}: other tokens");
                }
            }
        }
    }

    static async Task<(string Text, IReadOnlyList<int> Ids)[]> Answer(StreamModel model, int count, int batch, SpeculationMode mode)
    {
        var token = TestContext.Current.CancellationToken;
        using var places = new SemaphoreSlim(batch);
        return await Task.WhenAll(Prompts.Take(count).Select(async prompt =>
        {
            await places.WaitAsync(token);
            try
            {
                var result = await model.SubmitAsync(
                    new() { Prompt = prompt, MaxTokens = 110, Sampling = new() { Temperature = 0 }, Speculate = mode }, token);
                return (result.Text, result.TokenIds);
            }
            finally
            {
                places.Release();
            }
        }));
    }

    static StreamModel Load(Placement placement, string? draft) => StreamModel.Load(
        Fixtures.DemoModel,
        new()
        {
            Device = placement.Device,
            DeviceBudget = placement.DeviceBudget is { } bytes ? MemoryBudget.FromBytes(bytes) : MemoryBudget.Auto,
            HostBudget = MemoryBudget.FromBytes(placement.HostBudget),
            Route = placement.Route,
            DraftModel = draft,
            ContextLength = ContextLength,
            KvTokens = ContextLength * Together,
        },
        null,
        TestContext.Current.CancellationToken);

    /// <summary>The least device budget that the demo model runs in with room for all sequences: everything that can stream does.</summary>
    public static long LeastBudget(string device, string? draft = null) => Assert.Throws<BudgetException>(() => StreamModel.PlanOnly(
        Fixtures.DemoModel,
        new()
        {
            Device = device,
            DeviceBudget = MemoryBudget.FromBytes(0),
            DraftModel = draft,
            ContextLength = ContextLength,
            KvTokens = ContextLength * Together,
        })).LeastBytes;
}
