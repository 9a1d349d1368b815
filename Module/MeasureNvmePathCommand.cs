using System.Management.Automation;
using NvStream.Inference;
using NvStream.Measurement;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Commands;

/// <summary>Measure-NvmePath: how fast bytes get from a file to the device, and what that means for a model.</summary>
[Cmdlet(VerbsDiagnostic.Measure, "NvmePath", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
[OutputType(typeof(NvmeMeasurement))]
public sealed class MeasureNvmePathCommand : StreamCmdlet
{
    /// <summary>Rows with predictions have a view of their own.</summary>
    const string PredictionType = "NvStream.Measurement.NvmeMeasurement#Prediction";

    // Parameters write through to the engine's records: see the remarks of StreamCmdlet.
    PathRequest _request = new();
    ModelOptions _options = new();
    int _answers;

    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "Path", ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "Files to read, or folders: there a scratch file is made, read and removed. A model means its file. Wildcards are allowed.")]
    [SupportsWildcards]
    [ItemPathTransformation]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = "LiteralPath", ValueFromPipelineByPropertyName = true, HelpMessage = "Files or folders, taken literally: no wildcards.")]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    [Parameter(HelpMessage = "The routes to measure; default: every one that can be had. A named route that cannot be had is an error.")]
    [ValidateNotNullOrEmpty]
    public RouteKind[] Route
    {
        get => [.. _request.Routes];
        set => _request = _request with { Routes = value.Contains(RouteKind.Auto) ? [] : [.. value.Distinct()] };
    }

    [Parameter(HelpMessage = "Bytes of one read: multiples of 4KB, up to 64MB; default 1MB, 4MB and 16MB.")]
    [SizeTransformation]
    [ValidateBlockSize]
    public int[] BlockSize
    {
        get => [.. _request.BlockSizes];
        set => _request = _request with { BlockSizes = [.. value.Distinct()] };
    }

    [Parameter(HelpMessage = "Reads in flight, up to 128; default 1, 8 and 32.")]
    [ValidateNotNullOrEmpty]
    [ValidateRange(1, 128)]
    public int[] QueueDepth
    {
        get => [.. _request.QueueDepths];
        set => _request = _request with { QueueDepths = [.. value.Distinct()] };
    }

    [Parameter(HelpMessage = "Where the bytes go: Auto (a GPU if one is usable, else the CPU), Cpu, Cuda or Cuda:N.")]
    [ArgumentCompleter(typeof(DeviceCompleter))]
    [ValidatePattern("^(Auto|Cpu|Cuda(:[0-9]{1,3})?)$")]
    public string Device
    {
        get => _options.Device;
        set => _options = _options with { Device = value };
    }

    [Parameter(HelpMessage = "Bytes to read for each sample, and of a scratch file; default: up to 4GB.")]
    [SizeTransformation]
    [ValidateRange(4096, long.MaxValue)]
    public long Size
    {
        get => _request.Size ?? 0;
        set => _request = _request with { Size = value };
    }

    [Parameter(HelpMessage = "Samples behind each median; default 3.")]
    [ValidateRange(1, 1000)]
    public int Repeat
    {
        get => _request.Repeat;
        set => _request = _request with { Repeat = value };
    }

    [Parameter(HelpMessage = "A model, a loaded model's name or a GGUF file: adds what it would do over this path, in tokens a second, and what limits it.")]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    [ValidateNotNullOrEmpty]
    public object? Model { get; set; }

    [Parameter(HelpMessage = "The device memory that the model would get: 24GB, '80%' or Auto; default: as it is loaded, or Auto.")]
    [Alias("VramBudget")]
    [MemoryBudgetTransformation]
    [ArgumentCompleter(typeof(MemoryBudgetCompleter))]
    public MemoryBudget DeviceBudget
    {
        get => _options.DeviceBudget;
        set => _options = _options with { DeviceBudget = value };
    }

    [Parameter(HelpMessage = "The pinned host memory that the model would get; the CPU device uses none.")]
    [MemoryBudgetTransformation]
    [ArgumentCompleter(typeof(MemoryBudgetCompleter))]
    public MemoryBudget HostBudget
    {
        get => _options.HostBudget;
        set => _options = _options with { HostBudget = value };
    }

    private protected override void Begin()
    {
        _options = Complete(_options, LoadDefaults(), IsGiven);
        var demand = Model is null ? null : DemandOf(Model);
        _request = _request with { Device = _options.Device, Model = demand, Log = line => Pump.Post(() => Write(() => WriteVerbose(line))) };
        if (demand is not null)
        {
            WriteVerbose($"{demand.Name}: {string.Join("; ", ModelLoader.Describe(demand.Plan))}.");
        }
        else if (IsGiven(nameof(DeviceBudget)) || IsGiven(nameof(HostBudget)))
        {
            WriteWarning("The budgets are not used: they are those of a model, and -Model names none.");
        }
    }

    private protected override void Process()
    {
        var isLiteral = ParameterSetName == "LiteralPath";
        foreach (var given in isLiteral ? LiteralPath : Path)
        {
            var found = FindPaths(given, isLiteral, out var provider);
            if (found.Count == 0)
            {
                WriteError(ModuleException.PathNotFound(given, provider is "FileSystem" or "" ? "is neither a file nor a folder" : $"is a {provider} path"), given);
            }

            foreach (var path in found)
            {
                try
                {
                    Measure(path);
                }
                catch (Exception e) when (e is NvStreamException or IOException or UnauthorizedAccessException or OutOfMemoryException)
                {
                    WriteError(e, path);
                }
            }
        }
    }

    void Measure(string path)
    {
        if (Directory.Exists(path))
        {
            var what = $"Create a scratch file of {Human.Bytes(PathBenchmark.ScratchBytes(path, _request))} in '{path}', read it and remove it.";
            if (!ShouldProcess(what, what, "Measure-NvmePath"))
            {
                return;
            }
        }
        else if (IsWhatIf && !ShouldProcess($"Read '{path}'.", $"Read '{path}'.", "Measure-NvmePath"))
        {
            return;
        }

        _answers = 0;
        var display = new ProgressDisplay(this, Pump, $"Measuring {path}");
        try
        {
            Pump.Run(() =>
            {
                PathBenchmark.Run(path, _request, row => Pump.Post(() => Write(() => WriteRow(row))), route => Pump.Post(() => Write(() => Report(route))), new Reporter(display), StopToken);
                return true;
            });
        }
        finally
        {
            if (!StopToken.IsCancellationRequested)
            {
                display.End();
            }
        }

        if (_answers == 0)
        {
            WriteWarning($"Nothing could be measured of '{path}'; -Verbose says why.");
        }
    }

    void WriteRow(NvmeMeasurement row)
    {
        var item = new PSObject(row);
        if (row.PredictedTokenRate is not null)
        {
            item.TypeNames.Insert(0, PredictionType);
        }

        _answers++;
        WriteObject(item);
    }

    void Report(UnavailableRoute route)
    {
        var error = StorageException.RouteUnavailable(route.Route, route.Reason.TrimEnd('.'), route.Remedy);
        if (route.WasAskedFor)
        {
            _answers++;
            WriteError(error, route.Route);
        }
        else
        {
            WriteWarning($"{error.Message} {error.Remedy}");
        }
    }

    /// <summary>What a pass takes: of a loaded model as it is, of a file or with other budgets than its own by a plan.</summary>
    ModelDemand DemandOf(object argument)
    {
        var (model, file) = FindModel(argument);
        if (model is not null && !IsGiven(nameof(Device)))
        {
            _options = _options with { Device = model.Device };
        }

        if (model is not null && model.Device == _options.Device && !IsGiven(nameof(DeviceBudget)) && !IsGiven(nameof(HostBudget)))
        {
            return model.Demand;
        }

        var options = _options with { Name = model?.Name, ContextLength = model?.ContextLength ?? _options.ContextLength };
        return Pump.Run(() => StreamModel.DemandOf(file, options));
    }

    sealed class Reporter(ProgressDisplay display) : IProgress<PathProgress>
    {
        public void Report(PathProgress value) => display.Report(value.Activity, value.BytesDone, value.BytesTotal, value.BytesPerSecond);
    }
}
