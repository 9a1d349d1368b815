// What a product on tensor cores is told, its tile shapes, and where their tiles lie in shared memory.
#pragma once
#include "MatMulWeights.cuh"

// One of the products that share activations and a weight type.
struct MatMulTarget
{
    const uint8_t* weights;    // [rows][row_bytes]
    float* y;                  // [activation row][rows]
    int rows;
    int first_tile;            // among all targets' tiles of weight rows
};

constexpr int MatMulTargets = 4;

struct MatMulArgs
{
    const __half* halves;       // [row][columns]
    const float* row_scales;    // [row]
    int row_bytes;              // of a weight row
    int columns;
    int first_row;              // rows [first_row, rows) are wanted
    int rows;
    int row_tiles;
    int targets;
    MatMulTarget target[MatMulTargets];
};

// Warps: RowWarps x WeightWarps, each of 16 RowFragments activation rows x 8 WeightFragments weight rows.
// Blocks: what a multiprocessor of the largest kind holds at once.
template <int row_warps, int weight_warps, int row_fragments, int weight_fragments, int k, int ahead, int blocks>
struct MatMulShape
{
    static constexpr int RowWarps = row_warps;
    static constexpr int WeightWarps = weight_warps;
    static constexpr int RowFragments = row_fragments;
    static constexpr int WeightFragments = weight_fragments;
    static constexpr int K = k;
    static constexpr int Ahead = ahead;
    static constexpr int Blocks = blocks;

    static constexpr int Threads = RowWarps * WeightWarps * WarpSize;
    static constexpr int Rows = RowWarps * RowFragments * 16;
    static constexpr int Weights = WeightWarps * WeightFragments * 8;
    static constexpr int Pieces = K / 8;
    static constexpr int Parts = K / 32;

    static_assert(Weights * Parts == Threads, "each thread expands one part of a tile");
    static_assert(Rows * Pieces % Threads == 0);
};

using MatMulWide = MatMulShape<4, 2, 4, 8, 64, 2, 1>;      // 256 rows x 128 weight rows, up to 188 KiB: LARGE_SHARED
using MatMulMiddle = MatMulShape<2, 2, 2, 4, 64, 2, 3>;    // 64 x 64, up to 91 KiB
using MatMulNarrow = MatMulShape<1, 4, 1, 1, 128, 4, 4>;   // 16 x 32, up to 79 KiB

// Where things lie in shared memory: weights, activations, raw weights. MatMulOp has the same arithmetic.
template <class TShape, class TWeights>
struct MatMulLayout
{
    static constexpr int RawColumns = TWeights::BlockElements > TShape::K ? TWeights::BlockElements : TShape::K;
    static constexpr int RawTiles = RawColumns / TShape::K;
    static constexpr int RawBytes = RawColumns / TWeights::BlockElements * TWeights::BlockBytes;
    static constexpr int RawPieces = (RawBytes + 16 - TWeights::Alignment + 15) / 16;
    static constexpr int RawStride = (RawPieces | 1) * 16;    // odd, against bank conflicts
    static constexpr int RawStages = 1 + (TShape::Ahead + RawTiles - 1) / RawTiles;
    static constexpr int RawStageBytes = TShape::Weights * RawStride;

    static constexpr int WeightStageBytes = TShape::Weights * TShape::K * 2;
    static constexpr int RowStages = TShape::Ahead + 1;
    static constexpr int RowStageBytes = TShape::Rows * TShape::K * 2;

    static constexpr int RowsAt = 2 * WeightStageBytes;
    static constexpr int RawAt = RowsAt + RowStages * RowStageBytes;
};

// Byte offset in a tile.
template <class TShape>
__device__ __forceinline__ int piece_offset(int row, int piece)
{
    return (row * TShape::Pieces + (piece ^ (row & 7))) * 16;
}

// The stage of a ring that is next, as a byte offset in shared memory.
template <int first, int bytes, int stages>
struct StageRing
{
    int offset = first;

    __device__ __forceinline__ void advance()
    {
        offset = offset == first + (stages - 1) * bytes ? first : offset + bytes;
    }
};
