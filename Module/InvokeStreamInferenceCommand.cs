using System.Management.Automation;
using NvStream.Configuration;
using NvStream.Inference;

namespace NvStream.Commands;

/// <summary>Invoke-StreamInference: answers prompts, many of them in one pass over the weights, in input order.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "StreamInference")]
[OutputType(typeof(InferenceResult))]
public sealed class InvokeStreamInferenceCommand : StreamCmdlet
{
    /// <summary>Requests in flight when memory is to decide: the scheduler takes as many into a pass as there is room for.</summary>
    const int AutoBatchSize = 64;

    GenerationRequest _request = new() { Prompt = "" };
    StreamModel? _ownModel;
    PromptWindow? _window;

    bool TakesDraft => Speculate is SpeculationMode.Auto or SpeculationMode.Draft;

    [Parameter(Position = 0, HelpMessage = "A model, a loaded model's name, or a GGUF file to import, use and release. May be left out when exactly one model is loaded.")]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    [ValidateNotNullOrEmpty]
    public object? Model { get; set; }

    [Parameter(Position = 1, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "The user's message, or a script block that takes it from the piped object.")]
    [PromptTransformation]
    public string? Prompt { get; set; }

    /// <summary>The piped object, whatever it is: the result carries it.</summary>
    [Parameter(ValueFromPipeline = true, DontShow = true)]
    [AllowNull]
    public PSObject? InputObject { get; set; }

    [Parameter(HelpMessage = "System message of the chat template.")]
    public string? System
    {
        get => _request.System;
        set => _request = _request with { System = value };
    }

    [Parameter(HelpMessage = "No chat template: the prompt as it is, special tokens in it parsed.")]
    public SwitchParameter Raw
    {
        get => _request.Raw;
        set => _request = _request with { Raw = value };
    }

    [Parameter(HelpMessage = "Tokens to make at most.")]
    [ValidateRange(1, int.MaxValue)]
    public int MaxTokens
    {
        get => _request.MaxTokens;
        set => _request = _request with { MaxTokens = value };
    }

    [Parameter(HelpMessage = "0 is greedy and deterministic; higher is more varied.")]
    [ValidateRange(0.0, 100.0)]
    public float Temperature
    {
        get => _request.Sampling.Temperature;
        set => Sample(_request.Sampling with { Temperature = value });
    }

    [Parameter(HelpMessage = "Keep the k most likely tokens; 0 keeps all.")]
    [ValidateRange(0, int.MaxValue)]
    public int TopK
    {
        get => _request.Sampling.TopK;
        set => Sample(_request.Sampling with { TopK = value });
    }

    [Parameter(HelpMessage = "Keep the most likely tokens whose probabilities reach p together; 1 keeps all.")]
    [ValidateRange(0.0, 1.0)]
    public float TopP
    {
        get => _request.Sampling.TopP;
        set => Sample(_request.Sampling with { TopP = value });
    }

    [Parameter(HelpMessage = "Keep tokens at least this share as likely as the most likely one; 0 keeps all.")]
    [ValidateRange(0.0, 1.0)]
    public float MinP
    {
        get => _request.Sampling.MinP;
        set => Sample(_request.Sampling with { MinP = value });
    }

    [Parameter(HelpMessage = "Above 1: tokens that came lately become less likely.")]
    [ValidateRange(0.01, 100.0)]
    public float RepeatPenalty
    {
        get => _request.Sampling.RepeatPenalty;
        set => Sample(_request.Sampling with { RepeatPenalty = value });
    }

    [Parameter(HelpMessage = "The same seed gives the same text on the same device; left out, one is drawn and the result names it.")]
    public ulong? Seed
    {
        get => _request.Sampling.Seed;
        set => Sample(_request.Sampling with { Seed = value });
    }

    [Parameter(HelpMessage = "Texts that end the answer; they are not part of it.")]
    [ValidateNotNullOrEmpty]
    public string[] Stop
    {
        get => [.. _request.Stop];
        set => _request = _request with { Stop = value };
    }

    [Parameter(HelpMessage = "Who proposes tokens that a pass then verifies, several at once: Auto (what pays), None, Lookup (text that stood before) or Draft (a small model). The text is the same.")]
    public SpeculationMode Speculate
    {
        get => _request.Speculate;
        set => _request = _request with { Speculate = value };
    }

    [Parameter(HelpMessage = "A small model of the same vocabulary that drafts for this one: a GGUF file, or a loaded model, which means its file.")]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    [ValidateNotNullOrEmpty]
    public object? DraftModel { get; set; }

    [Parameter(HelpMessage = "How many piped prompts share one pass over the weights; Auto lets memory decide.")]
    [AutoTransformation]
    [ValidateRange(0, 4096)]
    public int BatchSize { get; set; }

    [Parameter(HelpMessage = "Show the text as it is made, on the information stream; the result still follows.")]
    public SwitchParameter Stream { get; set; }

    private protected override void Begin()
    {
        var defaults = LoadDefaults();
        var batchSize = BatchSize;
        _request = defaults.Apply(_request, ref batchSize, IsGiven, WriteVerbose, WriteWarning);
        _window = new(this, Pump, FindModel(defaults), batchSize == 0 ? AutoBatchSize : batchSize, Stream, StopToken);
    }

    private protected override void Process()
    {
        if (Prompt is null)
        {
            WriteError(MyInvocation.ExpectingInput ? ModuleException.PromptInvalid(InputObject?.BaseObject) : ModuleException.PromptMissing(), InputObject);
            return;
        }

        _window!.Submit(_request with { Prompt = Prompt, InputObject = InputObject });
    }

    private protected override void End() => _window!.Finish();

    private protected override void Release()
    {
        _window?.Settle();
        _ownModel?.Dispose();
    }

    StreamModel FindModel(StreamDefaults defaults)
    {
        var draft = FindDraft();
        var (loaded, file) = Model is null ? (TheOnlyModel(), "") : FindModel(Model);
        if (loaded is null)
        {
            return ImportOwn(file, draft, defaults);
        }

        if (draft is not null)
        {
            new DraftLoader(this, Pump, StopToken).Attach(loaded, draft);
        }

        return loaded;
    }

    static StreamModel TheOnlyModel()
    {
        var all = LoadedModels.All;
        return all.Count == 1 ? all[0] : throw ModuleException.ModelAmbiguous(all);
    }

    /// <summary>The file of the model that is to draft; null where none was named or none is wanted.</summary>
    string? FindDraft()
    {
        if (DraftModel is null)
        {
            return null;
        }

        var (_, file) = FindModel(DraftModel);
        if (!TakesDraft)
        {
            WriteWarning($"DraftModel is not used: Speculate is {Speculate}.");
            return null;
        }

        return file;
    }

    StreamModel ImportOwn(string file, string? draft, StreamDefaults defaults)
    {
        var options = Complete(
            new ModelOptions { Name = Path.GetFileNameWithoutExtension(file), DraftModel = draft }, defaults,
            name => name == nameof(DraftModel) && (draft is not null || !TakesDraft));
        return _ownModel = new ModelLoader(this, Pump, StopToken).Load(file, options);
    }

    void Sample(SamplingOptions sampling) => _request = _request with { Sampling = sampling };
}
