using System.Globalization;

namespace NvStream.Gguf;

/// <summary>
/// A model cut into files named NAME-00001-of-00005.gguf, each with split.no, split.count and split.tensors.count
/// (llama.cpp's gguf-split).
/// </summary>
sealed class GgufSplit
{
    const string IndexKey = "split.no";
    const string CountKey = "split.count";
    const string TensorCountKey = "split.tensors.count";

    readonly string _firstPath;
    readonly string _stem;
    readonly int? _tensorCount;

    GgufSplit(string firstPath, string stem, int count, int? tensorCount)
    {
        _firstPath = firstPath;
        _stem = stem;
        Count = count;
        _tensorCount = tensorCount;
    }

    public int Count { get; }

    /// <summary>The name of file <paramref name="index"/> (from 0) of <paramref name="count"/>.</summary>
    public static string Name(string stem, int index, int count) =>
        string.Create(CultureInfo.InvariantCulture, $"{stem}-{index + 1:D5}-of-{count:D5}.gguf");

    /// <summary>What each file of a set says, with the widths that llama.cpp gives it.</summary>
    public static KeyValuePair<string, object>[] Metadata(int index, int count, int tensorCount) =>
        [new(IndexKey, (ushort)index), new(CountKey, (ushort)count), new(TensorCountKey, tensorCount)];

    /// <summary>The set that the first file announces, or null for a model in one file.</summary>
    /// <exception cref="GgufException">GgufInvalid for a file that is not the set's first, or renamed.</exception>
    public static GgufSplit? Find(string path, GgufMetadata metadata)
    {
        var count = metadata.GetInt32(CountKey, 1);
        if (count is 0 or 1)
        {
            return null;
        }

        var index = metadata.GetInt32(IndexKey, 0);
        if (count < 0 || index < 0 || index >= count)
        {
            throw GgufException.Invalid(path, $"split.no is {index} and split.count {count}");
        }

        var expectedEnd = Name("", index, count);
        if (!path.EndsWith(expectedEnd, StringComparison.Ordinal))
        {
            throw GgufException.Invalid(
                path, $"it is file {index + 1} of a split set of {count}, expected a name that ends in '{expectedEnd}'");
        }

        var stem = path[..^expectedEnd.Length];
        return index == 0
            ? new GgufSplit(path, stem, count, metadata.TryGetInt32(TensorCountKey, out var n) ? n : null)
            : throw GgufException.Invalid(
                path, $"it is file {index + 1} of a split set of {count}, open its first file '{Name(stem, 0, count)}'");
    }

    public string PathOf(int index) => Name(_stem, index, Count);

    public void CheckSibling(string path, GgufMetadata metadata, int index)
    {
        var (number, count) = (metadata.GetInt32(IndexKey, -1), metadata.GetInt32(CountKey, -1));
        if (number != index || count != Count)
        {
            throw GgufException.Invalid(
                path, $"split.no is {number} and split.count {count}, expected {index} and {Count} as '{_firstPath}' says");
        }
    }

    public void CheckTensorCount(int found)
    {
        if (_tensorCount is { } expected && expected != found)
        {
            throw GgufException.Invalid(
                _firstPath, $"its split set holds {found} tensors, but split.tensors.count is {expected}");
        }
    }
}
