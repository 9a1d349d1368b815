using System.Management.Automation;
using NvStream.Inference;

namespace NvStream.Commands;

/// <summary>Get-StreamModel: what is loaded.</summary>
[Cmdlet(VerbsCommon.Get, "StreamModel")]
[OutputType(typeof(StreamModel))]
public sealed class GetStreamModelCommand : StreamCmdlet
{
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "Names of loaded models; wildcards are allowed.")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    public string[] Name { get; set; } = ["*"];

    private protected override void Process()
    {
        WriteObject(Name.SelectMany(FindModels), enumerateCollection: true);
    }
}
