using System.Management.Automation;
using NvStream.Inference;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Commands;

/// <summary>Import-StreamModel: opens GGUF files, plans where their layers live, loads what is resident.</summary>
[Cmdlet(VerbsData.Import, "StreamModel", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
[OutputType(typeof(StreamModel), typeof(LayerPlacement))]
public sealed class ImportStreamModelCommand : PathCmdlet
{
    // Parameters write through to the engine's options: see the remarks of StreamCmdlet.
    ModelOptions _options = new();
    ModelLoader? _loader;

    [Parameter(HelpMessage = "The model's name in this session; default: the file's base name.")]
    [ValidateNotNullOrEmpty]
    public string? Name
    {
        get => _options.Name;
        set => _options = _options with { Name = value };
    }

    [Parameter(HelpMessage = "Auto (a GPU if one is usable, else the CPU), Cpu, Cuda or Cuda:N.")]
    [ArgumentCompleter(typeof(DeviceCompleter))]
    [ValidatePattern("^(Auto|Cpu|Cuda(:[0-9]{1,3})?)$")]
    public string Device
    {
        get => _options.Device;
        set => _options = _options with { Device = value };
    }

    [Parameter(HelpMessage = "Device memory for weights, KV cache and work space together: 24GB, '80%' or Auto. Layers that do not fit stream.")]
    [Alias("VramBudget")]
    [MemoryBudgetTransformation]
    [ArgumentCompleter(typeof(MemoryBudgetCompleter))]
    public MemoryBudget DeviceBudget
    {
        get => _options.DeviceBudget;
        set => _options = _options with { DeviceBudget = value };
    }

    [Parameter(HelpMessage = "Pinned host memory for the middle tier of a GPU; the CPU device uses none.")]
    [MemoryBudgetTransformation]
    [ArgumentCompleter(typeof(MemoryBudgetCompleter))]
    public MemoryBudget HostBudget
    {
        get => _options.HostBudget;
        set => _options = _options with { HostBudget = value };
    }

    [Parameter(HelpMessage = "GGUF file of a small model of the same vocabulary that drafts for this one, taken literally; it lives in the device budget.")]
    [ValidateNotNullOrEmpty]
    public string? DraftModel
    {
        get => _options.DraftModel;
        set => _options = _options with { DraftModel = value };
    }

    [Parameter(HelpMessage = "Slots in the belt of streamed layers; default by plan.")]
    [ValidateRange(2, 1024)]
    public int SlotCount
    {
        get => _options.SlotCount ?? 0;
        set => _options = _options with { SlotCount = value };
    }

    [Parameter(HelpMessage = "How bytes travel from the file to the device. A named route that cannot be had is an error.")]
    public RouteKind Route
    {
        get => _options.Route;
        set => _options = _options with { Route = value };
    }

    [Parameter(HelpMessage = "Tokens of KV cache a sequence; default: the model's, at most 4096.")]
    [ValidateRange(1, int.MaxValue)]
    public int ContextLength
    {
        get => _options.ContextLength ?? 0;
        set => _options = _options with { ContextLength = value };
    }

    private protected override void Begin()
    {
        _options = Complete(_options, LoadDefaults(), IsGiven);
        _loader = new(this, Pump, StopToken);
    }

    private protected override void Process()
    {
        List<string> paths = [.. ResolvePaths()];
        if (Name is { } name && paths.Count > 1)
        {
            WriteError(ModuleException.OneNameManyFiles(name, paths.Count), paths.ToArray());
            return;
        }

        foreach (var path in paths)
        {
            try
            {
                Import(path, _options with { Name = Name ?? System.IO.Path.GetFileNameWithoutExtension(path) });
            }
            catch (Exception e) when (e is NvStreamException or IOException or UnauthorizedAccessException or OutOfMemoryException)
            {
                WriteError(e, path);
            }
        }
    }

    void Import(string path, ModelOptions options)
    {
        if (LoadedModels.Find(options.Name!) is not null)
        {
            throw ModuleException.NameInUse(options.Name!, path);
        }

        var plan = IsWhatIf ? Pump.Run(() => StreamModel.PlanOnly(path, options)) : null;
        var what = $"Import '{path}' as '{options.Name}' on device {options.Device}"
            + (plan is null ? "." : ", allocating:" + string.Concat(ModelLoader.Describe(plan).Select(line => "\n  " + line)));
        if (!ShouldProcess(what, what, "Import-StreamModel"))
        {
            WriteObject(plan?.Layers, enumerateCollection: true);
            return;
        }

        var model = _loader!.Load(path, options);
        if (!LoadedModels.TryAdd(model))
        {
            model.Dispose();
            throw ModuleException.NameInUse(model.Name, path);
        }

        WarnOfDifferences(model);
        WriteObject(model);
    }

    void WarnOfDifferences(StreamModel model)
    {
        if (IsGiven(nameof(HostBudget)) && HostBudget.Bytes is not 0 && model.Device == "Cpu")
        {
            WriteWarning($"{model.Name}: HostBudget is not used: the CPU device has no middle tier.");
        }
    }
}
