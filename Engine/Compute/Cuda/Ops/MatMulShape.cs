using NvStream.Gguf;

namespace NvStream.Compute.Cuda;

/// <summary>A tile shape of the products on tensor cores, as MatMulShape.cuh has it.</summary>
/// <param name="Index">Its place among a type's kernels.</param>
/// <param name="Name">Its part of the kernels' names.</param>
/// <param name="Rows">Activation rows of a tile.</param>
/// <param name="Weights">Weight rows of a tile.</param>
/// <param name="K">Columns of a step of the k loop.</param>
/// <param name="Ahead">Steps that copies run ahead.</param>
/// <param name="Threads">Of a block.</param>
/// <param name="Blocks">That a large multiprocessor holds at once.</param>
internal sealed record MatMulShape(int Index, string Name, int Rows, int Weights, int K, int Ahead, int Threads, int Blocks)
{
    /// <summary>The place of the kernels without tiles.</summary>
    public const int PlainIndex = 3;

    const int PieceBytes = 16;

    public static readonly MatMulShape Wide = new(0, "wide", Rows: 256, Weights: 128, K: 64, Ahead: 2, Threads: 256, Blocks: 1);
    public static readonly MatMulShape Middle = new(1, "middle", Rows: 64, Weights: 64, K: 64, Ahead: 2, Threads: 128, Blocks: 3);
    public static readonly MatMulShape Narrow = new(2, "narrow", Rows: 16, Weights: 32, K: 128, Ahead: 4, Threads: 128, Blocks: 4);

    /// <summary>Whether the wide shape's kernels are built for this architecture (LARGE_SHARED in Ptx.cuh).</summary>
    public static bool HasWide(int architecture) => architecture is >= 90 and < 110;

    /// <summary>Shared memory of a block (MatMulLayout): two tiles of weights, a ring of activations, a ring of raw weights.</summary>
    public int SharedBytes(TensorType type)
    {
        var (elements, blockBytes) = TensorTypes.Block(type);
        var rawColumns = Math.Max(elements, K);
        var rawBytes = rawColumns / elements * blockBytes;

        // Rows of raw weights keep their address modulo 16, of which a multiple of the block's alignment can be left over;
        // an odd number of pieces keeps them in different banks.
        var alignment = elements == 1 ? PieceBytes : Math.Min(PieceBytes, blockBytes & -blockBytes);
        var rawPieces = (rawBytes + PieceBytes - alignment + PieceBytes - 1) / PieceBytes;
        var rawStride = (rawPieces | 1) * PieceBytes;
        var rawTiles = rawColumns / K;
        var rawStages = 1 + (Ahead + rawTiles - 1) / rawTiles;
        return 2 * Weights * K * sizeof(ushort) + (Ahead + 1) * Rows * K * sizeof(ushort) + rawStages * Weights * rawStride;
    }
}
