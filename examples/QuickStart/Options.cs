using NvStream.Streaming;

namespace NvStream.Examples;

/// <summary>The program's two options.</summary>
static class Options
{
    /// <summary>Room for the KV cache of a dozen lines and for about half of the model.</summary>
    const string DefaultBudget = "11MB";

    /// <exception cref="FormatException">An unknown option, or a budget that is no size.</exception>
    public static (string Device, MemoryBudget Budget) Parse(string[] args)
    {
        var (device, budget) = ("Auto", DefaultBudget);
        for (var i = 0; i < args.Length; i += 2)
        {
            var value = i + 1 < args.Length ? args[i + 1] : throw new FormatException($"'{args[i]}' needs a value.");
            (device, budget) = args[i] switch
            {
                "--device" => (value, budget),
                "--budget" => (device, value),
                _ => throw new FormatException($"Unknown option '{args[i]}'. Options: --device Auto|Cpu|Cuda|Cuda:N, --budget SIZE."),
            };
        }

        return (device, MemoryBudget.Parse(budget));
    }
}
