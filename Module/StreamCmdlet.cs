using System.Management.Automation;
using NvStream.Configuration;
using NvStream.Gguf;
using NvStream.Inference;

namespace NvStream.Commands;

/// <summary>
/// What the cmdlets share: one cancellation token an invocation, the pump between workers and the pipeline thread,
/// error records, and users' defaults.
/// </summary>
/// <remarks>
/// PowerShell looks through the exported types before it calls <see cref="ModuleLifetime.OnImport"/>, and the runtime
/// needs the types of value fields for that: so exported types have no field of one of the engine's structs or enums.
/// </remarks>
public abstract class StreamCmdlet : PSCmdlet, IDisposable
{
    // Never disposed: it holds no handle, and StopProcessing may come at any time.
    readonly CancellationTokenSource _stop = new();
    WorkerPump? _pump;

    private protected CancellationToken StopToken => _stop.Token;

    private protected WorkerPump Pump => _pump ??= new(StopToken);

    protected sealed override void BeginProcessing() => Guard(Begin);

    protected sealed override void ProcessRecord() => Guard(Process);

    protected sealed override void EndProcessing() => Guard(End);

    /// <summary>Only signals: the pipeline thread and the workers see it and leave.</summary>
    protected sealed override void StopProcessing() => _stop.Cancel();

    /// <summary>
    /// On the pipeline thread, for what a worker has posted: writes, and where that ends the invocation (a stop, an error
    /// action, a pipeline that has enough) tells the worker so.
    /// </summary>
    private protected void Write(Action write)
    {
        try
        {
            write();
        }
        catch
        {
            _stop.Cancel();
            throw;
        }
    }

    private protected virtual void Begin()
    {
    }

    private protected virtual void Process()
    {
    }

    private protected virtual void End()
    {
    }

    /// <summary>Frees what the invocation holds; called once, whichever way it ended, with <see cref="StopToken"/> cancelled.</summary>
    private protected virtual void Release()
    {
    }

    /// <summary>PowerShell calls this when the pipeline is done, also after a stop or an error downstream.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>The users' defaults as they are now; a mistake in them ends the invocation.</summary>
    private protected static StreamDefaults LoadDefaults() => StreamDefaults.Load(
        StreamDefaults.FileIn(ModuleFolder),
        StreamDefaults.FileIn(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "NvStream")));

    /// <summary>What the caller has not given of how to load a model, from the users' defaults.</summary>
    /// <exception cref="NvStreamException">ConfigurationInvalid; GgufNotFound for a draft model that is not there.</exception>
    private protected ModelOptions Complete(ModelOptions options, StreamDefaults defaults, Func<string, bool> isGiven)
    {
        var filled = defaults.Apply(options, isGiven, WriteVerbose, WriteWarning);
        return filled.DraftModel is not { } draft ? filled
            : TryResolveFile(draft, out var file) ? filled with { DraftModel = file }
            : throw GgufException.NotFound(draft);
    }

    /// <summary>Loaded models by name or pattern; a name that is no pattern and matches none is a non-terminating error.</summary>
    private protected IReadOnlyList<StreamModel> FindModels(string name)
    {
        var found = LoadedModels.Match(name);
        if (found.Count == 0 && !WildcardPattern.ContainsWildcardCharacters(name))
        {
            WriteError(ModuleException.ModelNotFound(name, LoadedModels.All), name);
        }

        return found;
    }

    /// <summary>The full path of an existing file; false where there is none.</summary>
    bool TryResolveFile(string path, out string file)
    {
        // Whatever the session's location is: on the drive of another provider this would be a path of that.
        file = path;
        if (Path.IsPathFullyQualified(path) && File.Exists(path))
        {
            return true;
        }

        try
        {
            file = SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out var provider, out _);
            return provider.Name == "FileSystem" && File.Exists(file);
        }
        catch (Exception e) when (e is ProviderNotFoundException or System.Management.Automation.DriveNotFoundException)
        {
            file = "";
            return false;
        }
    }

    /// <summary>Full paths in the file system that a path or pattern means; empty where there is nothing of that name.</summary>
    /// <param name="provider">The path's provider; there are paths only where it is FileSystem.</param>
    private protected List<string> FindPaths(string path, bool isLiteral, out string provider)
    {
        provider = "";
        try
        {
            ProviderInfo info;
            IEnumerable<string> found = isLiteral
                ? [SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out info, out _)]
                : SessionState.Path.GetResolvedProviderPathFromPSPath(path, out info);
            provider = info.Name;
            return provider == "FileSystem" ? [.. found.Where(f => File.Exists(f) || Directory.Exists(f))] : [];
        }
        catch (Exception e) when (e is ItemNotFoundException or ProviderNotFoundException or System.Management.Automation.DriveNotFoundException)
        {
            return [];
        }
    }

    /// <summary>What a parameter that names a model means: a model that is loaded, or else the file of one.</summary>
    /// <exception cref="NvStreamException">ModelDisposed, ModelNotFound, GgufNotFound.</exception>
    private protected (StreamModel? Loaded, string File) FindModel(object argument)
    {
        switch (argument is PSObject wrapped ? wrapped.BaseObject : argument)
        {
            case StreamModel { IsDisposed: true } model:
                throw InferenceException.ModelDisposed(model.Name);
            case StreamModel model:
                return (model, model.Path);
            case string name when LoadedModels.Find(name) is { } model:
                return (model, model.Path);
            case string path when TryResolveFile(path, out var file):
                return (null, file);
            case string path:
                throw path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? GgufException.NotFound(path) : ModuleException.ModelNotFound(path, LoadedModels.All);
            case FileInfo { Exists: true } file:
                return (null, file.FullName);
            case FileInfo file:
                throw GgufException.NotFound(file.FullName);
            case var other:
                throw ModuleException.NotAModel(other);
        }
    }

    private protected bool IsWhatIf => MyInvocation.BoundParameters.TryGetValue("WhatIf", out var given)
        ? ((SwitchParameter)given).IsPresent
        : LanguagePrimitives.IsTrue(GetVariableValue("WhatIfPreference"));

    private protected bool IsGiven(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);

    private protected void WriteError(Exception exception, object? target) => WriteError(ErrorRecords.From(exception, target));

    private protected void ThrowTerminatingError(Exception exception, object? target) =>
        ThrowTerminatingError(ErrorRecords.From(exception, target));

    // The manifest's folder: the assembly lies in Module/lib below it.
    static string ModuleFolder => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(typeof(StreamCmdlet).Assembly.Location)!, "..", ".."));

    void Guard(Action step)
    {
        try
        {
            step();
        }
        catch (OperationCanceledException) when (StopToken.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
        catch (NvStreamException e)
        {
            ThrowTerminatingError(e, null);
        }
    }
}
