using System.Management.Automation;
using NvStream.Inference;

namespace NvStream.Commands;

/// <summary>Remove-StreamModel: cancels what runs on a model and frees what it holds.</summary>
[Cmdlet(VerbsCommon.Remove, "StreamModel", DefaultParameterSetName = "Name", SupportsShouldProcess = true)]
public sealed class RemoveStreamModelCommand : StreamCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "Name", ValueFromPipeline = true, HelpMessage = "Names of loaded models; wildcards are allowed.")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    public string[] Name { get; set; } = [];

    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "Model", ValueFromPipeline = true, HelpMessage = "Models to release.")]
    [ValidateNotNullOrEmpty]
    public StreamModel[] Model { get; set; } = [];

    private protected override void Process()
    {
        foreach (var model in ParameterSetName == "Model" ? Model : Name.SelectMany(FindModels))
        {
            if (!model.IsDisposed && ShouldProcess(model.Name, "Remove-StreamModel"))
            {
                LoadedModels.Release(model);
            }
        }
    }
}
