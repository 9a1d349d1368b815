using System.Management.Automation;

namespace NvStream.Commands;

/// <summary>
/// Takes strings only. PowerShell would turn any object into a string for a string parameter; for a prompt that hides
/// a mistake, so a piped object without a Prompt property is left unbound and the cmdlet says what it is.
/// </summary>
sealed class PromptTransformationAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        return value switch
        {
            string text => text,
            null => "",
            // The inner exception tells the binder to go on without this parameter when it comes by the pipeline.
            _ => throw new ArgumentTransformationMetadataException(
                $"A {value.GetType().Name} is not a prompt: give a string.", new PSInvalidCastException($"A {value.GetType().Name} is not a string.")),
        };
    }

    public override bool TransformNullOptionalParameters => true;
}
