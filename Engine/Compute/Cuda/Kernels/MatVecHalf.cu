// Products of float16 weights with few rows of X on tensor cores, weights read once at full speed.
// A block has row_tiles * 16 weight rows, N rows of X and 8 warps, which share out a row's chunks of 64 elements: warp w
// takes the chunks w, w + 8, ... in order. Where an element stands in a product is free as long as it is the same of both
// factors, so lane (g, t) takes 8 neighbouring elements of weight rows g, g + 8 and of X row g: 16-byte loads, a whole
// 128-byte line a chunk. What a row of X gives depends neither on the other rows nor on the tile's size.
#include "MatVec.cuh"

constexpr int HalfPartials = 8;
constexpr int HalfThreads = HalfPartials * WarpSize;
constexpr int ChunkElements = 64;
constexpr int Octets = 2;    // of a lane in a chunk

template <int row_tiles>
struct WeightChunk
{
    uint4 rows[row_tiles * 2][Octets];
};

__device__ __forceinline__ uint32_t word_of(const uint4& v, int i)
{
    return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

template <int row_tiles, int N>
__device__ __forceinline__ void matvec_half(const MatVecArgs& a)
{
    constexpr int Rows = row_tiles * 16;
    constexpr int XTiles = N / 8;
    using Chunk = WeightChunk<row_tiles>;
    __shared__ __align__(16) float partials[HalfPartials * Rows * N];
    const int lane = threadIdx.x % WarpSize;
    const int warp = threadIdx.x / WarpSize;
    const int g = lane / 4;
    const int t = lane % 4;
    const int x_tiles = (a.count + N - 1) / N;
    const int first_x = blockIdx.x % x_tiles * N;
    const Tile tile = find_tile<Rows>(a, blockIdx.x / x_tiles);
    const int chunks = (a.columns + ChunkElements - 1) / ChunkElements;
    const __half* rows[row_tiles * 2];
#pragma unroll
    for (int i = 0; i < row_tiles * 2; i++)
    {
        const int row = min(tile.first_row + i * 8 + g, tile.rows - 1);
        rows[i] = reinterpret_cast<const __half*>(tile.weights) + static_cast<size_t>(row) * a.columns;
    }

    // Zeros past the end of a row.
    auto load_weights = [&](Chunk& w, int chunk)
    {
#pragma unroll
        for (int o = 0; o < Octets; o++)
        {
            const int element = chunk * ChunkElements + o * 32 + t * 8;
#pragma unroll
            for (int i = 0; i < row_tiles * 2; i++)
            {
                w.rows[i][o] = element < a.columns
                    ? load_once(reinterpret_cast<const uint4*>(rows[i] + element))
                    : uint4{0, 0, 0, 0};
            }
        }
    };

    Chunk weights;
    load_weights(weights, warp);
    await_previous();
    release_next();
    float totals[row_tiles][XTiles][4] = {};
    for (int chunk = warp; chunk < chunks; chunk += HalfPartials)
    {
        Chunk next;
        load_weights(next, chunk + HalfPartials);
#pragma unroll
        for (int o = 0; o < Octets; o++)
        {
            const int element = chunk * ChunkElements + o * 32 + t * 8;
#pragma unroll
            for (int n = 0; n < XTiles; n++)
            {
                const int row = first_x + n * 8 + g;
                uint4 x{0, 0, 0, 0};
                if (row < a.count && element < a.columns)
                {
                    x = *reinterpret_cast<const uint4*>(a.halves + static_cast<size_t>(row) * a.columns + element);
                }

#pragma unroll
                for (int k = 0; k < 4; k += 2)
                {
                    const uint32_t b[2] = {word_of(x, k), word_of(x, k + 1)};
#pragma unroll
                    for (int m = 0; m < row_tiles; m++)
                    {
                        const uint4& upper = weights.rows[m * 2][o];
                        const uint4& lower = weights.rows[m * 2 + 1][o];
                        const uint32_t w[4] = {
                            word_of(upper, k), word_of(lower, k), word_of(upper, k + 1), word_of(lower, k + 1)};
                        mma_f16(totals[m][n], w, b);
                    }
                }
            }
        }

        weights = next;
    }

    write_sums<HalfPartials>(partials, totals, a, tile, first_x, a.row_scales);
}

#define MATVEC_HALF(tiles, n)                                                                  \
    extern "C" __global__ void __launch_bounds__(HalfThreads, 2) matvec_half_##tiles##x##n(    \
        const __grid_constant__ MatVecArgs a)                                                  \
    {                                                                                          \
        matvec_half<tiles, n>(a);                                                              \
    }

MATVEC_HALF(1, 8)
MATVEC_HALF(2, 8)
MATVEC_HALF(2, 16)
MATVEC_HALF(2, 32)
