namespace NvStream.Gguf;

/// <summary>Where one tensor lies and how it is stored. Its bytes are rows of whole blocks, row after row.</summary>
/// <param name="Name">As in the file, such as "blk.0.attn_q.weight".</param>
/// <param name="Shape">1 to 4 sizes, ne[0] first: columns, then rows. None is zero.</param>
/// <param name="Shard">Index into <see cref="GgufFile.Shards"/>.</param>
/// <param name="Offset">Absolute byte offset in that shard's file.</param>
/// <param name="Bytes">Bytes from <paramref name="Offset"/>, all inside the file when it was opened.</param>
public sealed record GgufTensor(
    string Name, TensorType Type, IReadOnlyList<long> Shape, int Shard, long Offset, long Bytes)
{
    /// <summary>ne[0], the length of a row in elements.</summary>
    public int Columns { get; } = checked((int)Shape[0]);

    /// <summary>The product of all sizes but the first.</summary>
    public int Rows { get; } = checked((int)Shape.Skip(1).Aggregate(1L, (product, size) => checked(product * size)));

    public long Elements => (long)Columns * Rows;
}
