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
#include "MatMulShape.cuh"

constexpr int power_of_two_from(int n)
{
    int power = 1;
    while (power < n)
    {
        power *= 2;
    }

    return power;
}

template <class TShape, class TWeights>
struct MatMulBlock
{
    using Layout = MatMulLayout<TShape, TWeights>;
    using RowRing = StageRing<Layout::RowsAt, Layout::RowStageBytes, Layout::RowStages>;
    using RawRing = StageRing<Layout::RawAt, Layout::RawStageBytes, Layout::RawStages>;

    // Threads that copy a row of raw weights, some of them idle.
    static constexpr int RawThreads = power_of_two_from(Layout::RawPieces);

    const MatMulArgs& a;
    const MatMulTarget target;
    uint8_t* const shared;
    const SharedAddress address;      // of shared
    const int thread;
    const int first_row;              // of the activations
    const int first_weight;           // row of the target
    const int tiles;

    // Where this thread copies next: its place of its first row in the tile.
    const __half* activations;
    const uint8_t* raw;
    int raw_left;                     // bytes of a row
    RowRing rows_in;
    RawRing raw_in;

    RowRing rows_out;
    RawRing raw_out;
    uint32_t misalignment;            // of the raw weights that this thread expands next
    float sums[TShape::RowFragments][TShape::WeightFragments][4];

    __device__ __forceinline__ MatMulBlock(const MatMulArgs& a, const MatMulTarget& target, uint8_t* shared, int row_tile, int weight_tile)
        : a(a), target(target), shared(shared), address(shared_address(shared)), thread(threadIdx.x),
          first_row(a.first_row + row_tile * TShape::Rows), first_weight((weight_tile - target.first_tile) * TShape::Weights),
          tiles((a.columns + TShape::K - 1) / TShape::K),
          activations(a.halves + static_cast<size_t>(first_row + thread / TShape::Pieces) * a.columns + thread % TShape::Pieces * 8),
          raw(weight_row(thread / RawThreads)), raw_left(a.row_bytes),
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
    __device__ __forceinline__ const uint8_t* weight_row(int row) const
    {
        return target.weights + static_cast<long long>(first_weight + row) * a.row_bytes;
    }

    __device__ __forceinline__ static int weight_stage(int tile)
    {
        return tile % 2 * Layout::WeightStageBytes;
    }

    // Queues the next tile of activations; zeros past the last row and column.
    __device__ __forceinline__ void copy_rows(int tile)
    {
        if (tile >= tiles)
        {
            return;
        }

        // A multiple of 8, so that a thread's pieces are swizzled alike.
        constexpr int Step = TShape::Threads / TShape::Pieces;
        static_assert(Step % 8 == 0);
        const int row = thread / TShape::Pieces;
        const int piece = thread % TShape::Pieces;
        const int rows = tile * TShape::K + piece * 8 < a.columns ? a.rows - first_row - row : 0;
        const SharedAddress to = address + rows_in.offset + piece_offset<TShape>(row, piece);
        const __half* from = activations;
#pragma unroll
        for (int i = 0; i < TShape::Rows / Step; i++)
        {
            copy_async(to + i * Step * TShape::Pieces * 16, from, i * Step < rows);
            from += static_cast<size_t>(Step) * a.columns;
        }

        activations += TShape::K;
        rows_in.advance();
    }

    // Queues the raw weights that begin with a tile: whole aligned 16 bytes that hold any of them, each row at its
    // address modulo 16; zeros past the last row and a row's last bytes.
    __device__ __forceinline__ void copy_weights(int tile)
    {
        if (tile >= tiles || tile % Layout::RawTiles != 0)
        {
            return;
        }

        constexpr int Step = TShape::Threads / RawThreads;
        const int row = thread / RawThreads;
        const int piece = thread % RawThreads * 16;
        const int bytes = min(raw_left, Layout::RawBytes);
        const int rows = target.rows - first_weight - row;
        const SharedAddress to = address + raw_in.offset + row * Layout::RawStride + piece;
        const uint8_t* from = raw;
        if (RawThreads == Layout::RawPieces || piece < Layout::RawPieces * 16)
        {
#pragma unroll
            for (int i = 0; i < TShape::Weights / Step; i++)
            {
                const int before = static_cast<int>(reinterpret_cast<uintptr_t>(from)) & (16 - TWeights::Alignment);
                copy_async(to + i * Step * Layout::RawStride, from - before + piece, i * Step < rows && piece < before + bytes);
                from += static_cast<long long>(Step) * a.row_bytes;
            }
        }

        raw += Layout::RawBytes;
        raw_left -= Layout::RawBytes;
        raw_in.advance();
    }

    // This thread's part of a tile from raw to float16. Past the last tile it works on old bytes for nobody, which is
    // cheaper than a branch among the products.
    __device__ __forceinline__ void expand(int tile)
    {
        const int row = thread / TShape::Parts;
        const int part = thread % TShape::Parts;
        const int before = misalignment & (16 - TWeights::Alignment);
        uint32_t halves[16];
        TWeights::expand(
            shared + raw_out.offset + row * Layout::RawStride + before, tile % Layout::RawTiles * TShape::Parts | part, halves);
        const int to = weight_stage(tile) + piece_offset<TShape>(row, part * 4);
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            *reinterpret_cast<uint4*>(shared + (to ^ i * 16)) =
                make_uint4(halves[i * 4], halves[i * 4 + 1], halves[i * 4 + 2], halves[i * 4 + 3]);
        }

        if ((tile + 1) % Layout::RawTiles == 0)
        {
            misalignment += Layout::RawBytes;
            raw_out.advance();
        }
    }

    // A piece's place in a row differs from step to step by an exclusive or with a constant, as stages and rows are
    // multiples of a row's size; between fragments by an addition.
    __device__ __forceinline__ void multiply(int tile)
    {
        constexpr int FragmentBytes = TShape::Pieces * 16 * 8;
        const int lane = thread % WarpSize;
        const int warp = thread / WarpSize;
        const int row = warp % TShape::RowWarps * TShape::RowFragments * 16 + lane % 16;
        const int rows = rows_out.offset + piece_offset<TShape>(row, lane / 16);

        // Of a single fragment matrices 2 and 3 repeat 0 and 1.
        const int second = TShape::WeightFragments == 1 ? 0 : lane / 16 * 8;
        const int weight = warp / TShape::RowWarps * TShape::WeightFragments * 8 + second + lane % 8;
        const int weights = weight_stage(tile) + piece_offset<TShape>(weight, lane / 8 % 2);
#pragma unroll
        for (int step = 0; step < TShape::K / 16; step++)
        {
            uint32_t x[TShape::RowFragments][4];
            uint32_t w[TShape::WeightFragments + 1][2];
#pragma unroll
            for (int m = 0; m < TShape::RowFragments; m++)
            {
                load_matrices(x[m], address + (rows ^ step * 32) + m * 2 * FragmentBytes);
            }

#pragma unroll
            for (int n = 0; n < TShape::WeightFragments; n += 2)
            {
                uint32_t pair[4];
                load_matrices(pair, address + (weights ^ step * 32) + n * FragmentBytes);
                w[n][0] = pair[0];
                w[n][1] = pair[1];
                w[n + 1][0] = pair[2];
                w[n + 1][1] = pair[3];
            }

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

        rows_out.advance();
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
                const int c = column + n * 8;
                const float first = scale * sums[half / 2][n][half % 2 * 2];
                const float second = scale * sums[half / 2][n][half % 2 * 2 + 1];
                if (target.rows % 2 == 0)
                {
                    if (c < target.rows)
                    {
                        *reinterpret_cast<float2*>(y + c) = make_float2(first, second);
                    }

                    continue;
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

#if LARGE_SHARED
#define MATMUL_WIDE(type, TWeights) MATMUL(wide, MatMulWide, type, TWeights)
#else
#define MATMUL_WIDE(type, TWeights)
#endif

#define MATMUL_SHAPES(type, TWeights)                \
    MATMUL_WIDE(type, TWeights)                      \
    MATMUL(middle, MatMulMiddle, type, TWeights)     \
    MATMUL(narrow, MatMulNarrow, type, TWeights)
