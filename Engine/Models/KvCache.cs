using NvStream.Compute;

namespace NvStream.Models;

/// <summary>Keys and values of every layer for a pool of cells (one cell: one token of one sequence), float16.</summary>
public sealed class KvCache : IDisposable
{
    readonly DeviceMemory _memory;
    readonly ModelSpec _spec;
    readonly long _half;

    public KvCache(IComputeDevice device, ModelSpec spec, int tokens)
    {
        _spec = spec;
        Tokens = tokens;
        _half = BytesOf(spec, tokens) / spec.LayerCount / 2;
        _memory = device.Allocate(BytesOf(spec, tokens), "KV cache");
    }

    /// <summary>Cells.</summary>
    public int Tokens { get; }

    public KvLayer this[int layer] => new(
        _memory.Address + (nint)(2 * layer * _half), _memory.Address + (nint)((2 * layer + 1) * _half), Tokens, _spec.KvHeads, _spec.HeadDim);

    public static long BytesOf(ModelSpec spec, long tokens) => checked(2L * sizeof(short) * spec.KvDim * spec.LayerCount * tokens);

    public void Dispose() => _memory.Dispose();
}
