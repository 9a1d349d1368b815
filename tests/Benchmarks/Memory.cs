using System.Globalization;
using System.Text.Json;
using NvStream.Storage;

namespace NvStream.Benchmarks;

/// <summary>
/// What a process takes in all when a model streams under a budget: the budget counts what the engine allocates for
/// weights, cache and work; the runtime and the file's header come on top.
/// </summary>
static class Memory
{
    const double TargetOverhead = 250e6;
    const int PromptTokens = 256;
    const int DecodeTokens = 4;

    static readonly long[] s_budgets = [200 << 20, 400 << 20];

    public static Task<Section> Measure(Bench bench)
    {
        var section = new Section("memory", "peak resident set of a process that decodes under a budget, route HostDirect");
        section.Notes.Add($"1.1B-shaped Q4_K_M; a fresh process each time: load, {PromptTokens} prompt tokens, {DecodeTokens} decoded; VmHWM");
        if (!OperatingSystem.IsLinux())
        {
            section.Skipped.Add("VmHWM is read from /proc, which only Linux has");
            return Task.FromResult(section);
        }

        var path = Bench.Model();
        foreach (var budget in s_budgets)
        {
            var results = Enumerable.Range(0, bench.Repeats).Select(_ => Child(path, budget, bench)).ToArray();
            var name = $"budget {budget / 1e6:F0} MB, {results[0].Streamed / 1e6:F0} MB streamed a pass";
            var peak = section.Add($"{name}: peak", "MB", results.Select(r => r.Peak / 1e6));
            section.Checks.Add(Check.AtMost($"{name}: peak - budget - KV cache, MB", peak.Median - (budget + results[0].KvCache) / 1e6, TargetOverhead / 1e6));
            section.Notes.Add($"{name}: the KV cache's {results[0].KvCache / 1e6:F0} MB are part of the budget; peak - budget = {Table.Number(peak.Median - budget / 1e6)} MB");
        }

        return Task.FromResult(section);
    }

    /// <summary>What the child process does: `memory-child PATH BUDGET THREADS`; one line of JSON.</summary>
    public static async Task Decode(string[] arguments)
    {
        var bench = new Bench(1, int.Parse(arguments[2], CultureInfo.InvariantCulture));
        using var session = new Session(arguments[0], bench, long.Parse(arguments[1], CultureInfo.InvariantCulture), route: RouteKind.HostDirect);
        await session.Run(PromptTokens, DecodeTokens);
        var peak = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        var plan = session.Model.Plan;
        Console.WriteLine(JsonSerializer.Serialize(new Footprint(
            long.Parse(peak, CultureInfo.InvariantCulture) * 1024, plan.KvBytes, plan.BytesPerPass)));
    }

    static Footprint Child(string path, long budget, Bench bench)
    {
        string[] arguments = [Program.MemoryChild, path, budget.ToString(CultureInfo.InvariantCulture), $"{bench.Threads}"];
        var output = Tool.Run(Path.Combine(AppContext.BaseDirectory, "Benchmarks"), arguments);
        return JsonSerializer.Deserialize<Footprint>(output)!;
    }

    /// <param name="Peak">Bytes.</param>
    /// <param name="KvCache">Bytes.</param>
    /// <param name="Streamed">Bytes a pass.</param>
    sealed record Footprint(long Peak, long KvCache, long Streamed);
}
