using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Json;
using NvStream.Inference;
using NvStream.Storage;

namespace NvStream.Configuration;

/// <summary>
/// Users' defaults for the cmdlets' parameters: <c>nvstream.json</c> beside the manifest, then in the user's
/// configuration folder, then environment variables <c>NVSTREAM__Section__Name</c>; the later wins.
/// A value that a parameter gives wins over all.
/// </summary>
public sealed class StreamDefaults
{
    const string EnvironmentPrefix = "NVSTREAM__";

    readonly IConfigurationRoot _root;

    StreamDefaults(IConfigurationRoot root) => _root = root;

    /// <summary>The value of, say, <c>Import:DeviceBudget</c>; null where nobody set one.</summary>
    public string? this[string key] => _root[key];

    /// <summary>Where a folder's defaults would lie.</summary>
    public static string FileIn(string folder) => Path.Combine(folder, "nvstream.json");

    /// <param name="files">JSON files by full path, the weakest first; absent ones are skipped.</param>
    /// <exception cref="ConfigurationException">A file that is there but is not valid JSON.</exception>
    public static StreamDefaults Load(params ReadOnlySpan<string> files)
    {
        var builder = new ConfigurationBuilder();
        foreach (var file in files)
        {
            builder.AddJsonFile(file, optional: true, reloadOnChange: false);
        }

        try
        {
            return new(builder.AddEnvironmentVariables(EnvironmentPrefix).Build());
        }
        catch (InvalidDataException e)
        {
            throw ConfigurationException.Unreadable(e);
        }
    }

    /// <summary>Fills in what the caller has not given from section <c>Import</c>; keys are the properties' names.</summary>
    /// <param name="isGiven">Whether the caller gave the property of this name.</param>
    /// <param name="log">Gets a line for each default that is used.</param>
    /// <param name="warn">Gets a line for each key that is no setting.</param>
    /// <exception cref="ConfigurationException">A value that cannot be used; says where it stands.</exception>
    public ModelOptions Apply(ModelOptions options, Func<string, bool> isGiven, Action<string>? log = null, Action<string>? warn = null)
    {
        var import = new DefaultsSection(this, "Import", isGiven, log, warn);
        var filled = options with
        {
            Device = import.Text(nameof(options.Device)) ?? options.Device,
            DeviceBudget = import.Size(nameof(options.DeviceBudget)) ?? options.DeviceBudget,
            HostBudget = import.Size(nameof(options.HostBudget)) ?? options.HostBudget,
            DraftModel = import.Text(nameof(options.DraftModel)) ?? options.DraftModel,
            SlotCount = import.Int(nameof(options.SlotCount), 2) ?? options.SlotCount,
            Route = import.OneOf<RouteKind>(nameof(options.Route)) ?? options.Route,
            ContextLength = import.Int(nameof(options.ContextLength), 1) ?? options.ContextLength,
            KvTokens = import.Int(nameof(options.KvTokens), 1) ?? options.KvTokens,
            BlockSize = import.Block(nameof(options.BlockSize)) ?? options.BlockSize,
            QueueDepth = import.Int(nameof(options.QueueDepth), 1) ?? options.QueueDepth,
            Threads = import.Int(nameof(options.Threads), 1) ?? options.Threads,
        };
        import.ReportUnknownKeys();
        return filled;
    }

    /// <summary>As the other, from section <c>Inference</c>.</summary>
    /// <param name="batchSize">How many prompts share a pass; 0 lets memory decide. Not part of a request.</param>
    public GenerationRequest Apply(GenerationRequest request, ref int batchSize, Func<string, bool> isGiven, Action<string>? log = null, Action<string>? warn = null)
    {
        var inference = new DefaultsSection(this, "Inference", isGiven, log, warn);
        var sampling = request.Sampling;
        var filled = request with
        {
            System = inference.Text(nameof(request.System)) ?? request.System,
            MaxTokens = inference.Int(nameof(request.MaxTokens), 1) ?? request.MaxTokens,
            Speculate = inference.OneOf<SpeculationMode>(nameof(request.Speculate)) ?? request.Speculate,
            Sampling = sampling with
            {
                Temperature = inference.Number(nameof(sampling.Temperature), 0, 100) ?? sampling.Temperature,
                TopK = inference.Int(nameof(sampling.TopK), 0) ?? sampling.TopK,
                TopP = inference.Number(nameof(sampling.TopP), 0, 1) ?? sampling.TopP,
                MinP = inference.Number(nameof(sampling.MinP), 0, 1) ?? sampling.MinP,
                RepeatPenalty = inference.Number(nameof(sampling.RepeatPenalty), 0.01f, 100) ?? sampling.RepeatPenalty,
                Seed = inference.Seed(nameof(sampling.Seed)) ?? sampling.Seed,
            },
        };
        batchSize = inference.Int("BatchSize", 0) ?? batchSize;
        inference.ReportUnknownKeys();
        return filled;
    }

    internal IEnumerable<string> KeysOf(string section) => _root.GetSection(section).GetChildren().Select(c => c.Key);

    /// <summary>The file or variable that a key's value comes from, in words.</summary>
    internal string OriginOf(string key) => _root.Providers.Last(p => p.TryGet(key, out _)) is JsonConfigurationProvider { Source: var source }
        ? $"'{source.FileProvider?.GetFileInfo(source.Path ?? "").PhysicalPath ?? source.Path}'"
        : "environment variable " + EnvironmentPrefix + key.Replace(":", "__", StringComparison.Ordinal);
}
