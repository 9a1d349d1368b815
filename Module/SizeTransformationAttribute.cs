using System.Management.Automation;
using NvStream.Streaming;

namespace NvStream.Commands;

/// <summary>Bytes as people give them: <c>4MB</c> (a number to PowerShell) or <c>'4MiB'</c>, one or many.</summary>
sealed class SizeTransformationAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) => Plain(inputData) switch
    {
        object[] many => Array.ConvertAll(many, Size),
        _ => Size(inputData),
    };

    static object Size(object value)
    {
        if (Plain(value) is not string text)
        {
            return value;
        }

        try
        {
            return MemoryBudget.Parse(text).Bytes ?? throw new FormatException($"'{text}' is not a size: give bytes with a unit (64KB, 4MB, 1GiB).");
        }
        catch (FormatException e)
        {
            throw new ArgumentTransformationMetadataException(e.Message, e);
        }
    }

    static object Plain(object value) => value is PSObject wrapped ? wrapped.BaseObject : value;
}
