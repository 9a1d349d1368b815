// A block's tile of a product on tensor cores: Y[row][n] = row_scale[row] * sum over k of W[n][k] * X[row][k], float16
// factors, float32 sums.
//
// The k loop walks tiles of K columns, one barrier a tile:
//   activations    by asynchronous copies into a ring, Ahead tiles ahead
//   raw weights    likewise, a whole number of the format's blocks a row at a time (a super-block serves several tiles)
//   weights        made float16 by all threads, a tile ahead, beside the tensor cores' work on the tile before
// Tiles lie in shared memory as rows of 16-byte pieces, swizzled so that eight rows' same pieces are in different banks.
//
// Every shape adds a row's products in the same order (16 columns at a time, first to last), so that a row's result has
// the same bits in each.
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
    long long row_bytes;        // of a weight row
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

using MatMulWide = MatMulShape<4, 2, 4, 8, 64, 2, 1>;      // 256 rows x 128 weight rows
using MatMulMiddle = MatMulShape<2, 2, 2, 4, 64, 2, 3>;    // 64 x 64
using MatMulNarrow = MatMulShape<1, 4, 1, 1, 128, 4, 4>;   // 16 x 32

// Where things lie in shared memory: weights, activations, raw weights. MatMulOp.SharedBytes has the same arithmetic.
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

template <class TShape>
__device__ __forceinline__ int piece_offset(int row, int piece)
{
    return (row * TShape::Pieces + (piece ^ (row & 7))) * 16;
}

template <class TShape, class TWeights>
struct MatMulBlock
{
    using Layout = MatMulLayout<TShape, TWeights>;

    const MatMulArgs& a;
    const MatMulTarget target;
    uint8_t* const shared;
    const int thread;
    const int first_row;       // of the activations
    const int first_weight;    // row of the target
    const int tiles;
    uint32_t misalignment;     // of this thread's weight row, for expand
    float sums[TShape::RowFragments][TShape::WeightFragments][4];

    __device__ __forceinline__ MatMulBlock(const MatMulArgs& a, const MatMulTarget& target, uint8_t* shared, int row_tile, int weight_tile)
        : a(a), target(target), shared(shared), thread(threadIdx.x), first_row(a.first_row + row_tile * TShape::Rows),
          first_weight((weight_tile - target.first_tile) * TShape::Weights), tiles((a.columns + TShape::K - 1) / TShape::K),
          misalignment(static_cast<uint32_t>(reinterpret_cast<uintptr_t>(weight_row(thread / TShape::Parts)))), sums{}
    {
    }

    __device__ __forceinline__ void run()
    {
        constexpr int Ahead = TShape::Ahead;
#pragma unroll 1
        for (int tile = 0; tile <= Ahead; tile++)
        {
            copy_weights(tile);
        }

        await_previous();
#pragma unroll 1
        for (int tile = 0; tile < Ahead; tile++)
        {
            copy_rows(tile);
            commit_copies();
        }

        await_copies<Ahead - 1>();
        __syncthreads();
        expand(0);
#pragma unroll 1
        for (int tile = 0; tile < tiles; tile++)
        {
            // Here the tile's activations and the next tile's raw weights are there, this tile's weights are made, and
            // what the tile before used is free.
            await_copies<Ahead - 1>();
            __syncthreads();
            copy_rows(tile + Ahead);
            copy_weights(tile + Ahead + 1);
            commit_copies();
            multiply(tile);
        }

        release_next();
        store();
    }

private:
    // Rows past the last are its copies; what they give is not stored.
    __device__ __forceinline__ const uint8_t* weight_row(int row) const
    {
        return target.weights + min(first_weight + row, target.rows - 1) * a.row_bytes;
    }

    __device__ __forceinline__ uint8_t* weight_stage(int tile) const
    {
        return shared + tile % 2 * Layout::WeightStageBytes;
    }

    __device__ __forceinline__ uint8_t* row_stage(int tile) const
    {
        return shared + Layout::RowsAt + tile % Layout::RowStages * Layout::RowStageBytes;
    }

    __device__ __forceinline__ uint8_t* raw_stage(int tile) const
    {
        return shared + Layout::RawAt + tile / Layout::RawTiles % Layout::RawStages * Layout::RawStageBytes;
    }

    // Queues a tile of activations; zeros past the last row and column.
    __device__ __forceinline__ void copy_rows(int tile) const
    {
        if (tile >= tiles)
        {
            return;
        }

        constexpr int Step = TShape::Threads / TShape::Pieces;
        const int piece = thread % TShape::Pieces;
        const int column = tile * TShape::K + piece * 8;
        uint8_t* stage = row_stage(tile);
#pragma unroll
        for (int i = 0; i < TShape::Rows / Step; i++)
        {
            const int row = thread / TShape::Pieces + i * Step;
            const bool wanted = column < a.columns && first_row + row < a.rows;
            const size_t from = wanted ? static_cast<size_t>(first_row + row) * a.columns + column : 0;
            copy_async(stage + piece_offset<TShape>(row, piece), a.halves + from, wanted);
        }
    }

    // Queues the raw weights that begin with this tile: whole aligned 16 bytes that hold any of them, each row at its
    // address modulo 16; zeros past the row's last.
    __device__ __forceinline__ void copy_weights(int tile) const
    {
        if (tile >= tiles || tile % Layout::RawTiles != 0)
        {
            return;
        }

        const long long offset = static_cast<long long>(tile / Layout::RawTiles) * Layout::RawBytes;
        const int bytes = static_cast<int>(min(static_cast<long long>(Layout::RawBytes), a.row_bytes - offset));
        uint8_t* stage = raw_stage(tile);
        constexpr int Pieces = TShape::Weights * Layout::RawPieces;
#pragma unroll
        for (int first = 0; first < Pieces; first += TShape::Threads)
        {
            const int i = first + thread;
            if (Pieces % TShape::Threads == 0 || i < Pieces)
            {
                const int row = i / Layout::RawPieces;
                const int piece = i % Layout::RawPieces;
                const uint8_t* from = weight_row(row) + offset;
                const int before = static_cast<int>(reinterpret_cast<uintptr_t>(from) & 15);
                const bool wanted = piece * 16 < before + bytes;
                copy_async(stage + row * Layout::RawStride + piece * 16, from - before + (wanted ? piece * 16 : 0), wanted);
            }
        }
    }

    // This thread's part of a tile from raw to float16. Past the last tile it works on old bytes for nobody, which is
    // cheaper than a branch among the products.
    __device__ __forceinline__ void expand(int tile) const
    {
        const int row = thread / TShape::Parts;
        const int part = thread % TShape::Parts;
        const uint32_t before = (misalignment + tile / Layout::RawTiles * Layout::RawBytes) & (16 - TWeights::Alignment);
        const uint8_t* raw = raw_stage(tile) + row * Layout::RawStride + before;
        uint32_t halves[16];
        TWeights::expand(raw, tile % Layout::RawTiles * TShape::Parts + part, halves);
        uint8_t* stage = weight_stage(tile);
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            *reinterpret_cast<uint4*>(stage + piece_offset<TShape>(row, part * 4 + i)) =
                make_uint4(halves[i * 4], halves[i * 4 + 1], halves[i * 4 + 2], halves[i * 4 + 3]);
        }
    }

    __device__ __forceinline__ void multiply(int tile)
    {
        const int lane = thread % WarpSize;
        const int warp = thread / WarpSize;
        const uint8_t* rows = row_stage(tile) + piece_offset<TShape>(warp % TShape::RowWarps * TShape::RowFragments * 16, 0);
        const uint8_t* weights = weight_stage(tile) + piece_offset<TShape>(warp / TShape::RowWarps * TShape::WeightFragments * 8, 0);
#pragma unroll
        for (int step = 0; step < TShape::K / 16; step++)
        {
            uint32_t x[TShape::RowFragments][4];
            uint32_t w[TShape::WeightFragments][2];
#pragma unroll
            for (int m = 0; m < TShape::RowFragments; m++)
            {
                load_matrices(x[m], rows + piece_offset<TShape>(m * 16 + lane % 16, step * 2 + lane / 16));
            }

            load_weights(weights, step, lane, w);
#pragma unroll
            for (int m = 0; m < TShape::RowFragments; m++)
            {
#pragma unroll
                for (int n = 0; n < TShape::WeightFragments; n++)
                {
                    mma_f16(sums[m][n], x[m], w[n]);
                }
            }

            if (step == 0)
            {
                expand(tile + 1);
            }
        }
    }

    // 16 columns of this warp's weight rows.
    __device__ __forceinline__ static void load_weights(
        const uint8_t* weights, int step, int lane, uint32_t (&w)[TShape::WeightFragments][2])
    {
        if constexpr (TShape::WeightFragments == 1)
        {
            // Matrices 2 and 3 repeat 0 and 1.
            uint32_t r[4];
            load_matrices(r, weights + piece_offset<TShape>(lane % 8, step * 2 + lane / 8 % 2));
            w[0][0] = r[0];
            w[0][1] = r[1];
        }
        else
        {
#pragma unroll
            for (int n = 0; n < TShape::WeightFragments; n += 2)
            {
                uint32_t r[4];
                load_matrices(r, weights + piece_offset<TShape>(n * 8 + lane / 16 * 8 + lane % 8, step * 2 + lane / 8 % 2));
                w[n][0] = r[0];
                w[n][1] = r[1];
                w[n + 1][0] = r[2];
                w[n + 1][1] = r[3];
            }
        }
    }

    __device__ __forceinline__ void store() const
    {
        const int lane = thread % WarpSize;
        const int warp = thread / WarpSize;
        const int row = first_row + warp % TShape::RowWarps * TShape::RowFragments * 16 + lane / 4;
        const int column = first_weight + warp / TShape::RowWarps * TShape::WeightFragments * 8 + lane % 4 * 2;
#pragma unroll
        for (int half = 0; half < TShape::RowFragments * 2; half++)
        {
            const int r = row + half * 8;
            if (r >= a.rows)
            {
                continue;
            }

            const float scale = a.row_scales[r];
            float* y = target.y + static_cast<size_t>(r) * target.rows;
#pragma unroll
            for (int n = 0; n < TShape::WeightFragments; n++)
            {
                const float* sum = sums[half / 2][n] + half % 2 * 2;
                store_pair(y, column + n * 8, scale * sum[0], scale * sum[1]);
            }
        }
    }

    // Columns c and c + 1, c even; 8-byte aligned where rows have an even number of columns.
    __device__ __forceinline__ void store_pair(float* y, int c, float first, float second) const
    {
        if (c + 1 < target.rows && target.rows % 2 == 0)
        {
            *reinterpret_cast<float2*>(y + c) = make_float2(first, second);
            return;
        }

        if (c < target.rows)
        {
            y[c] = first;
        }

        if (c + 1 < target.rows)
        {
            y[c + 1] = second;
        }
    }
};

// Blocks that share weights are neighbours, so that these come from memory once.
template <class TShape, class TWeights>
__device__ __forceinline__ void matmul_block(const MatMulArgs& a, uint8_t* shared)
{
    const int row_tile = static_cast<int>(blockIdx.x % a.row_tiles);
    const int weight_tile = static_cast<int>(blockIdx.x / a.row_tiles);
    MatMulTarget target = a.target[0];
#pragma unroll
    for (int i = 1; i < MatMulTargets; i++)
    {
        if (i < a.targets && weight_tile >= a.target[i].first_tile)
        {
            target = a.target[i];
        }
    }

    MatMulBlock<TShape, TWeights>(a, target, shared, row_tile, weight_tile).run();
}

#define MATMUL(shape, TShape, type, TWeights)                                                                  \
    extern "C" __global__ void __launch_bounds__(TShape::Threads, TShape::Blocks)                              \
        matmul_##shape##_##type(const __grid_constant__ MatMulArgs a)                                          \
    {                                                                                                          \
        DYNAMIC_SHARED(shared);                                                                                \
        matmul_block<TShape, MatMulWeights<TWeights>>(a, shared);                                              \
    }

#define MATMUL_SHAPES(type, TWeights)                \
    MATMUL(wide, MatMulWide, type, TWeights)         \
    MATMUL(middle, MatMulMiddle, type, TWeights)     \
    MATMUL(narrow, MatMulNarrow, type, TWeights)
