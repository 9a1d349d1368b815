namespace NvStream.Gguf;

/// <summary>A byte range of one file of the set, widened to 4 KiB at both ends; the last may reach beyond the file's end.</summary>
public readonly record struct FileExtent(int Shard, long Offset, long Length)
{
    /// <summary>What direct reads, slots and GPU pages agree on.</summary>
    public const int Alignment = 4096;

    public long End => Offset + Length;

    public static FileExtent Around(int shard, long offset, long length)
    {
        var start = offset / Alignment * Alignment;
        return new(shard, start, (offset + length + Alignment - 1) / Alignment * Alignment - start);
    }
}
