using NvStream.Gguf;

namespace NvStream.Models;

/// <summary>
/// A layer's bytes: the file ranges that hold its tensors, and where each tensor lies once the ranges are in memory.
/// Ranges go to memory one after the other. Range starts and memory bases are all 4 KiB-aligned, so every tensor keeps
/// its file offset modulo 4096 and needs no repacking.
/// </summary>
public sealed class LayerExtents
{
    /// <summary>Tensors closer than this are read in one go: a second request costs more than these bytes.</summary>
    const long MaxGap = 64 * 1024;

    readonly List<FileExtent> _extents = [];
    readonly Dictionary<string, long> _offsets = [];

    internal LayerExtents(IEnumerable<GgufTensor> tensors)
    {
        long memory = 0;
        foreach (var tensor in tensors.OrderBy(t => t.Shard).ThenBy(t => t.Offset))
        {
            var wanted = FileExtent.Around(tensor.Shard, tensor.Offset, tensor.Bytes);
            if (_extents.Count > 0 && _extents[^1] is var last && last.Shard == wanted.Shard && wanted.Offset <= last.End + MaxGap)
            {
                var grown = last with { Length = Math.Max(last.End, wanted.End) - last.Offset };
                memory += grown.Length - last.Length;
                _extents[^1] = grown;
            }
            else
            {
                _extents.Add(wanted);
                memory += wanted.Length;
            }

            _offsets.Add(tensor.Name, memory - _extents[^1].End + tensor.Offset);
        }

        Bytes = memory;
    }

    /// <summary>Ranges in memory order: one where the file keeps the layer together.</summary>
    public IReadOnlyList<FileExtent> Extents => _extents;

    /// <summary>Bytes of memory the layer needs: the sum of the ranges.</summary>
    public long Bytes { get; }

    /// <summary>Byte offset of a tensor from the layer's base in memory.</summary>
    public long OffsetOf(string tensor) => _offsets[tensor];
}
