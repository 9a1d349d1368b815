using System.Management.Automation;
using NvStream.Streaming;

namespace NvStream.Commands;

/// <summary>Sizes as people give them: <c>24GB</c> (a number to PowerShell), <c>'24GiB'</c>, <c>'80%'</c>, <c>Auto</c>.</summary>
sealed class MemoryBudgetTransformationAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        try
        {
            return value switch
            {
                MemoryBudget budget => budget,
                string text => MemoryBudget.Parse(text),
                int or long or uint or ulong or double or decimal => MemoryBudget.FromBytes(Convert.ToInt64(value)),
                _ => throw new FormatException($"'{value}' is not a size: give bytes with a unit (24GB, 24GiB, 512MB), a share of what is free (80%), or Auto."),
            };
        }
        catch (Exception e) when (e is FormatException or ArgumentOutOfRangeException or OverflowException)
        {
            throw new ArgumentTransformationMetadataException(e.Message, e);
        }
    }
}
