using System.Text.Json;

namespace NvStream.Benchmarks.Cuda;

/// <summary>llama.cpp's own benchmark programs, built by whoever measures: NVSTREAM_LLAMA_CPP names their folder.</summary>
sealed class LlamaCpp
{
    const string Variable = "NVSTREAM_LLAMA_CPP";

    readonly string _folder;

    LlamaCpp(string folder) => _folder = folder;

    public string Description => Environment.GetEnvironmentVariable(Variable + "_VERSION") ?? _folder;

    public static LlamaCpp? Find(out string missing)
    {
        missing = $"{Variable} must name the folder of llama-bench and llama-batched-bench, built with CUDA";
        return Environment.GetEnvironmentVariable(Variable) is { } folder && File.Exists(Path.Combine(folder, "llama-bench")) ? new(folder) : null;
    }

    public double[] Decode(string model, int tokens, int repeats) => Run(model, "-p", "0", "-n", $"{tokens}", "-r", $"{repeats}");

    public double[] Prefill(string model, int tokens, int repeats) => Run(model, "-p", $"{tokens}", "-n", "0", "-r", $"{repeats}");

    /// <summary>Decoded tokens per second of all sequences.</summary>
    public double[] DecodeTogether(string model, int prompt, int tokens, int sequences)
    {
        var output = Tool.Run(
            Path.Combine(_folder, "llama-batched-bench"), "-m", model, "-ngl", "99", "-fa", "on", "-c", "16384",
            "-npp", $"{prompt}", "-ntg", $"{tokens}", "-npl", $"{sequences}", "--output-format", "jsonl");
        return [.. output.Split('\n').Where(l => l.StartsWith('{')).Select(l => JsonSerializer.Deserialize<JsonElement>(l).GetProperty("speed_tg").GetDouble())];
    }

    double[] Run(string model, params string[] what)
    {
        var output = Tool.Run(Path.Combine(_folder, "llama-bench"), ["-m", model, "-ngl", "99", "-fa", "1", "-o", "json", .. what]);
        var json = JsonSerializer.Deserialize<JsonElement>(output[output.IndexOf('[', StringComparison.Ordinal)..]);
        return [.. json[0].GetProperty("samples_ts").EnumerateArray().Select(e => e.GetDouble())];
    }
}
