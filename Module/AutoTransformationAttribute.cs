using System.Management.Automation;

namespace NvStream.Commands;

/// <summary>Lets a whole number be given as <c>Auto</c>, which stands for 0.</summary>
sealed class AutoTransformationAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) is string text && text.Equals("Auto", StringComparison.OrdinalIgnoreCase)
            ? 0
            : inputData;
}
