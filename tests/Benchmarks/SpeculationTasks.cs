using System.Diagnostics;
using System.Text.Json;
using NvStream.Inference;

namespace NvStream.Benchmarks;

/// <summary>The 200 log tasks, greedily, with nobody, the text so far and a small model proposing tokens: the same texts in fewer passes.</summary>
static class SpeculationTasks
{
    const string FixturesVariable = "NVSTREAM_FIXTURES";
    const double TargetDraft = 4;
    const double TargetLookup = 1.2;

    /// <summary>Of the rate with nobody proposing: Auto has to find out what does not pay.</summary>
    const double TargetAuto = 0.9;
    const int Context = 512;
    const int MostTokens = 110;

    static readonly int[] s_batches = [1, 16];

    public static async Task<Section> Measure(Bench bench)
    {
        var section = new Section("speculation", "the 200 log tasks, tokens proposed by nobody, by lookup and by a small model");
        var folder = Environment.GetEnvironmentVariable(FixturesVariable) ?? Path.GetFullPath(Path.Combine(Bench.Repository, "..", "shared", "fixtures"));
        var (tasksFile, model, draft) = (
            Path.Combine(folder, "tasks", "logtriage-200.jsonl"), Path.Combine(folder, "models", "logtriage-Q8_0.gguf"), Path.Combine(folder, "models", "logtriage-draft-f16.gguf"));
        if (new[] { tasksFile, model, draft }.FirstOrDefault(f => !File.Exists(f)) is { } missing)
        {
            section.Skipped.Add($"{missing} is not there; {FixturesVariable} names the folder of the fixtures");
            return section;
        }

        var tasks = Read(tasksFile).Take(bench.Tasks).ToArray();
        string[] plain = [.. tasks.Select(t => Prompt(t.Log))];
        string[] shown = [.. tasks.Select((t, i) => ExampleFor(tasks, i) is var other ? $"{Prompt(other.Log)}{other.Expected}<|eot_id|>{Prompt(t.Log)}" : "")];
        (string Name, string[] Prompts, SpeculationMode Mode)[] runs =
        [
            ("nobody", plain, SpeculationMode.None),
            ("lookup", plain, SpeculationMode.Lookup),
            ("draft", plain, SpeculationMode.Draft),
            ("auto", plain, SpeculationMode.Auto),
            ("worked example, nobody", shown, SpeculationMode.None),
            ("worked example, lookup", shown, SpeculationMode.Lookup),
            ("worked example, auto", shown, SpeculationMode.Auto),
        ];

        using var loaded = StreamModel.Load(model, new()
        {
            Device = bench.Device ?? "Auto",
            DraftModel = draft,
            ContextLength = Context,
            KvTokens = Context * s_batches.Max(),
            Threads = bench.Threads,
        });
        section.Notes.Add($"{Path.GetFileName(model)}, drafted for by {Path.GetFileName(draft)}; device {loaded.Device}, all resident; {tasks.Length} tasks; tokens a second of the whole run, prompts counted in");
        section.Notes.Add("worked example: another task of the same program and its answer stand before the log; the model was trained on single logs and answers such prompts otherwise");
        var texts = new Dictionary<string[], string[]>();
        var alone = new Dictionary<(string[] Prompts, int Batch), Sample>();
        foreach (var batch in s_batches)
        {
            foreach (var (name, prompts, mode) in runs)
            {
                await section.Part($"{name}, {batch} together", async () =>
                {
                    var outcome = await Answer(loaded, prompts, mode, batch, bench.Few(2));
                    var title = $"{name}, {batch} at a time";
                    var rate = section.Add($"{title}: rate", "tok/s", outcome.Rates);
                    section.Add($"{title}: tokens a decoding pass", "tokens", [outcome.TokensPerPass]);
                    var exact = outcome.Texts.Zip(tasks).Count(p => p.First == p.Second.Expected);
                    section.Add($"{title}: answered exactly", "tasks", [exact]);
                    if (!texts.TryAdd(prompts, outcome.Texts))
                    {
                        var others = outcome.Texts.Zip(texts[prompts]).Count(p => p.First != p.Second);
                        section.Require(Check.AtMost($"{title}: texts unlike those of one at a time, nobody proposing", others, 0));
                    }

                    if (mode == SpeculationMode.None)
                    {
                        alone[(prompts, batch)] = rate;
                    }
                    else if (mode == SpeculationMode.Auto && alone.TryGetValue((prompts, batch), out var plainRate))
                    {
                        section.Require(Check.AtLeast($"{title}: rate / nobody proposing", rate.Median / plainRate.Median, TargetAuto));
                    }
                    else if (mode == SpeculationMode.Draft)
                    {
                        section.Require(Check.AtLeast($"{title}: tokens a decoding pass", outcome.TokensPerPass, TargetDraft));
                    }
                    else if (mode == SpeculationMode.Lookup)
                    {
                        section.Require(Check.AtLeast($"{title}: tokens a decoding pass", outcome.TokensPerPass, TargetLookup));
                    }
                });
            }
        }

        return section;
    }

    /// <param name="repeats">Runs that are timed; a few prompts warm up.</param>
    static async Task<Outcome> Answer(StreamModel model, string[] prompts, SpeculationMode mode, int batch, int repeats)
    {
        var (results, rates) = (await AnswerAll(model, prompts[..Math.Min(batch, prompts.Length)], mode, batch), new List<double>());
        for (var round = 0; round < repeats; round++)
        {
            var start = Stopwatch.GetTimestamp();
            results = await AnswerAll(model, prompts, mode, batch);
            rates.Add(results.Sum(r => r.TokenCount) / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        // A pass that decodes makes one token and what it accepts; the first token came with the prompt.
        double accepted = results.Sum(r => r.AcceptedTokenCount);
        var passes = results.Sum(r => r.AcceptedPerPass > 0 ? r.AcceptedTokenCount / r.AcceptedPerPass : r.TokenCount - 1);
        return new([.. results.Select(r => r.Text)], rates, 1 + accepted / passes);
    }

    static async Task<InferenceResult[]> AnswerAll(StreamModel model, string[] prompts, SpeculationMode mode, int batch)
    {
        using var places = new SemaphoreSlim(batch);
        return await Task.WhenAll(prompts.Select(async prompt =>
        {
            await places.WaitAsync();
            try
            {
                return await model.SubmitAsync(new() { Prompt = prompt, Raw = true, MaxTokens = MostTokens, Sampling = new() { Temperature = 0 }, Speculate = mode });
            }
            finally
            {
                places.Release();
            }
        }));
    }

    /// <summary>The next task whose log is of the same program, as a person would choose an example; else the next one.</summary>
    static (string Log, string Expected) ExampleFor((string Log, string Expected)[] tasks, int index)
    {
        var others = Enumerable.Range(1, tasks.Length).Select(i => tasks[(index + i) % tasks.Length]).ToArray();
        return others.SkipLast(1).Where(t => Program(t.Log) == Program(tasks[index].Log)).Append(others[0]).First();

        static string Program(string log) => log.Split(' ')[2];
    }

    static string Prompt(string log) => $"<|user|>{log}<|eot_id|><|assistant|>";

    static IEnumerable<(string Log, string Expected)> Read(string path)
    {
        foreach (var line in File.ReadLines(path))
        {
            using var document = JsonDocument.Parse(line);
            yield return (document.RootElement.GetProperty("log").GetString()!, document.RootElement.GetProperty("expected").GetString()!);
        }
    }

    sealed record Outcome(string[] Texts, List<double> Rates, double TokensPerPass);
}
