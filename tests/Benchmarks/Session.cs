using NvStream.Inference;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Benchmarks;

/// <summary>What a run of prompts cost.</summary>
/// <param name="Prefill">Prompt tokens per second up to the first token, of the first sequence.</param>
/// <param name="Decode">Tokens per second after the first, of all sequences together.</param>
/// <param name="PrefillTime">Seconds up to the first token.</param>
/// <param name="StreamRate">Bytes per second read for the first sequence, over the time of its passes.</param>
/// <param name="Account">Of the first sequence's passes that decoded.</param>
readonly record struct Rates(double Prefill, double Decode, double PrefillTime, double StreamRate, double StallFraction, PassAccount Account);

/// <summary>A loaded model that answers made-up prompts of exact lengths.</summary>
sealed class Session : IDisposable
{
    const int Context = 1024;
    const int Letters = 26;
    const int Attempts = 20;

    readonly StreamModel _model;
    readonly Dictionary<(int Prompt, int Decode, int Sequence), (int Attempt, bool IsProven)> _attempts = [];

    /// <param name="budget">Device memory in bytes; null for all that is needed.</param>
    public Session(
        string path, Bench bench, long? budget = null, int context = Context, int cells = Context, RouteKind route = RouteKind.Auto, string device = "Cpu",
        long hostBudget = 0, IProgress<LoadProgress>? progress = null)
    {
        var options = Options(bench, budget, context, cells, route) with { Device = device, HostBudget = MemoryBudget.FromBytes(hostBudget) };
        _model = StreamModel.Load(path, options with { BlockSize = bench.BlockSize ?? options.BlockSize }, progress);
    }

    public StreamModel Model => _model;

    /// <summary>The least budget, to a few percent, that the model can run in with passes of so many rows.</summary>
    public static long LeastBudget(string path, Bench bench, int passRows = 1, string device = "Cpu")
    {
        long budget = 0;
        while (true)
        {
            try
            {
                if (StreamModel.PlanOnly(path, Options(bench, budget, Context, Context, RouteKind.Auto) with { Device = device, HostBudget = MemoryBudget.FromBytes(0) }).PassRows >= passRows)
                {
                    return budget;
                }

                budget += budget / 50;
            }
            catch (BudgetException e)
            {
                budget = e.LeastBytes;
            }
        }
    }

    /// <summary>
    /// Answers one prompt a sequence, all at once, greedily. Random weights may end an answer early: such a prompt is
    /// replaced and all are answered once more.
    /// </summary>
    /// <param name="prompt">Tokens of each prompt.</param>
    /// <param name="decode">Tokens to be decoded after the first one.</param>
    public async Task<Rates> Run(int prompt, int decode, int sequences = 1)
    {
        while (true)
        {
            var keys = Enumerable.Range(0, sequences).Select(s => (prompt, decode, s)).ToArray();
            var results = await Task.WhenAll(keys.Select(k => Submit(Text(prompt, k.s * Attempts + _attempts.GetValueOrDefault(k).Attempt), decode)));
            if (results.FirstOrDefault(r => r.PromptTokenCount != prompt) is { } wrong)
            {
                throw new BenchmarkException($"a prompt of {wrong.PromptTokenCount} tokens was made, wanted {prompt}");
            }

            foreach (var (key, result) in keys.Zip(results))
            {
                var (attempt, isProven) = _attempts.GetValueOrDefault(key);
                var isWhole = result.TokenCount == decode + 1;
                if (!isWhole && (isProven || attempt + 1 == Attempts))
                {
                    throw new BenchmarkException(isProven
                        ? $"an answer ended after {result.TokenCount} tokens though the same prompt's did not before"
                        : $"no prompt was found whose answer has {decode + 1} tokens");
                }

                _attempts[key] = isWhole ? (attempt, true) : (attempt + 1, false);
            }

            if (Array.TrueForAll(keys, k => _attempts[k].IsProven))
            {
                return RatesOf(results);
            }
        }
    }

    static Rates RatesOf(InferenceResult[] results)
    {
        // The first sequence may begin a pass before the others; what the middle one saw is a pass with all of them.
        var rates = results.Select(r => r.DecodeRate).Order().ToArray();
        var first = results[0];
        return new(
            first.PromptRate, rates[rates.Length / 2] * results.Length, first.TimeToFirstToken.TotalSeconds, first.StreamRate, first.StallFraction, first.Account);
    }

    public void Dispose() => _model.Dispose();

    static ModelOptions Options(Bench bench, long? budget, int context, int cells, RouteKind route) => new()
    {
        Device = "Cpu",
        DeviceBudget = budget is { } bytes ? MemoryBudget.FromBytes(bytes) : MemoryBudget.Auto,
        ContextLength = context,
        KvTokens = cells,
        Threads = bench.Threads,
        Route = route,
    };

    Task<InferenceResult> Submit(string prompt, int decode) => _model.SubmitAsync(new()
    {
        Prompt = prompt,
        Raw = true,
        MaxTokens = decode + 1,
        Sampling = new() { Temperature = 0 },
        Speculate = SpeculationMode.None,
    });

    /// <summary>Single letters are a token each in the made-up vocabulary; the tokenizer puts one before them.</summary>
    static string Text(int tokens, int seed)
    {
        var random = new Random(seed);
        return string.Concat(Enumerable.Range(1, tokens - 1).Select(_ => $" {(char)('a' + random.Next(Letters))}"));
    }
}
