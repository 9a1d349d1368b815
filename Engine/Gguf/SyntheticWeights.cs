using System.Numerics;
using System.Runtime.InteropServices;

namespace NvStream.Gguf;

/// <summary>
/// Random weights at the speed of memory: a pool of blocks for each type and width is made once; each piece of a tensor
/// is a stretch of it from a random block on, its free bits flipped by a random key. A piece depends on the seed, the
/// tensor's name and the piece's offset alone.
/// </summary>
sealed class SyntheticWeights(ulong seed)
{
    const int PieceBytes = 1 << 20;

    readonly Dictionary<(TensorType Type, int Columns), (byte[] Blocks, byte[] Free)> _pools = [];
    readonly byte[] _piece = new byte[PieceBytes];

    /// <summary>A <see cref="GgufTensorData"/>: norm gains are 1, all else is random of deviation 1 / sqrt(columns).</summary>
    public ReadOnlySpan<byte> Next(GgufTensor tensor, long offset)
    {
        var blockBytes = TensorTypes.Block(tensor.Type).Bytes;
        var pieceBytes = PieceBytes / blockBytes * blockBytes;
        var piece = _piece.AsSpan(0, (int)Math.Min(pieceBytes, tensor.Bytes - offset));
        if (tensor.Name.EndsWith("norm.weight", StringComparison.Ordinal))
        {
            MemoryMarshal.Cast<byte, float>(piece).Fill(1);
            return piece;
        }

        var (blocks, free) = Pool(tensor.Type, tensor.Columns);
        var random = new SplitMix64(Hash(tensor.Name) + (ulong)offset);
        var start = random.Next(pieceBytes / blockBytes) * blockBytes;
        Span<byte> key = stackalloc byte[Vector<byte>.Count];
        random.Fill(key);
        Mix(blocks.AsSpan(start, piece.Length), free.AsSpan(start, piece.Length), key, piece);
        return piece;
    }

    /// <summary>destination = blocks ^ (free and key), the key repeated.</summary>
    static void Mix(ReadOnlySpan<byte> blocks, ReadOnlySpan<byte> free, ReadOnlySpan<byte> key, Span<byte> destination)
    {
        var keys = new Vector<byte>(key);
        var i = 0;
        for (; i <= destination.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            (new Vector<byte>(blocks[i..]) ^ (new Vector<byte>(free[i..]) & keys)).CopyTo(destination[i..]);
        }

        for (; i < destination.Length; i++)
        {
            destination[i] = (byte)(blocks[i] ^ (free[i] & key[i % key.Length]));
        }
    }

    (byte[] Blocks, byte[] Free) Pool(TensorType type, int columns)
    {
        if (!_pools.TryGetValue((type, columns), out var pool))
        {
            var blockBytes = TensorTypes.Block(type).Bytes;
            var bytes = 2 * PieceBytes / blockBytes * blockBytes;
            var random = new SplitMix64(seed * 31 + (ulong)type * 1_000_003 + (ulong)columns);
            pool = (new byte[bytes], new byte[bytes]);
            SyntheticBlocks.Fill(type, pool.Blocks, 1 / MathF.Sqrt(columns), ref random);
            var free = SyntheticBlocks.FreeBits(type);
            for (var i = 0; i < bytes; i += blockBytes)
            {
                free.CopyTo(pool.Free, i);
            }

            _pools[(type, columns)] = pool;
        }

        return pool;
    }

    /// <summary>FNV-1a over the seed and the name.</summary>
    ulong Hash(string name)
    {
        var hash = 0xCBF29CE484222325 ^ seed;
        foreach (var letter in name)
        {
            hash = (hash ^ letter) * 0x100000001B3;
        }

        return hash;
    }
}
