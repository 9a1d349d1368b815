using System.Management.Automation;
using NvStream.Inference;

namespace NvStream.Commands;

/// <summary>Takes models and items of the file system for their paths, which are never patterns; strings and all else stay as they are.</summary>
sealed class ItemPathTransformationAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) => Plain(inputData) switch
    {
        object[] many => Array.ConvertAll(many, PathOf),
        _ => PathOf(inputData),
    };

    static object PathOf(object value) => Plain(value) switch
    {
        StreamModel model => WildcardPattern.Escape(model.Path),
        FileSystemInfo item => WildcardPattern.Escape(item.FullName),
        _ => value,
    };

    static object Plain(object value) => value is PSObject wrapped ? wrapped.BaseObject : value;
}
