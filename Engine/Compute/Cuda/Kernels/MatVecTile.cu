// Quantized products of five rows and more on tensor cores (int8), the bits those of MatVecDot.cu.
// A block has 32 weight rows, a tile of N rows of X, and 16 warps: the partials. Each round its threads copy a round of the
// weight rows to a ring in shared memory, and warp p multiplies chunk p of it. Where an element stands in a product is
// free inside a group, so lane (g, t) takes 8 neighbouring elements of a part (4 of each group of 16) of weight rows
// g, g + 8, ... and of X rows g, g + 8, ...: loads are whole words in a row.
#include "MatVec.cuh"

constexpr int TileRows = 32;
constexpr int TileThreads = Partials * WarpSize;
constexpr int RowTiles = TileRows / 16;

template <class TFormat>
struct TileRing
{
    static constexpr int RoundBytes = TileRows * Round<TFormat>::Pitch;

    // What fits beside a warp's scales in the 99 KB that a block of consumer GPUs can have.
    static constexpr int Depth = RoundBytes * 4 <= 90112 ? 4 : RoundBytes * 3 <= 90112 ? 3 : 2;
};

// The scales of a row's part, then its minima: handed on by the lane that unpacks them to those that use them.
template <class TFormat>
struct alignas(TFormat::Groups * (TFormat::HasMinimum ? 8 : 4)) PartScales
{
    float values[TFormat::Groups * (TFormat::HasMinimum ? 2 : 1)];
};

// Words of lane t in a part: two neighbours, or one of each group of 16.
template <class TFormat>
__device__ __forceinline__ void load_fragment(const uint8_t* row, int part, int t, uint32_t& first, uint32_t& second)
{
    if constexpr (TFormat::Groups == 1)
    {
        uint32_t raw[2];
        TFormat::raw8(row, part, t, raw);
        first = raw[0];
        second = raw[1];
    }
    else
    {
        first = TFormat::raw4(row, part, t);
        second = TFormat::raw4(row, part, t + 4);
    }
}

template <class TFormat, int N>
struct XFragment
{
    static constexpr int Tiles = N / 8;

    // Of X row g of each tile.
    uint32_t words[Tiles][2];

    // Of X rows 2t, 2t + 1 of each tile.
    QuantScale scales[Tiles][2];

    __device__ __forceinline__ void load(const MatVecArgs& a, int first_x, int part, int g, int t)
    {
#pragma unroll
        for (int n = 0; n < Tiles; n++)
        {
            const size_t row = min(first_x + n * 8 + g, a.count - 1);
            const int8_t* from = a.quants + row * a.columns + part * PartElements;
            if constexpr (TFormat::Groups == 1)
            {
                const uint2 both = *reinterpret_cast<const uint2*>(from + t * 8);
                words[n][0] = both.x;
                words[n][1] = both.y;
            }
            else
            {
                words[n][0] = *reinterpret_cast<const uint32_t*>(from + t * 4);
                words[n][1] = *reinterpret_cast<const uint32_t*>(from + t * 4 + 16);
            }

#pragma unroll
            for (int i = 0; i < 2; i++)
            {
                const size_t column = min(first_x + n * 8 + t * 2 + i, a.count - 1);
                scales[n][i] = a.scales[column * (a.columns / PartElements) + part];
            }
        }
    }
};

// Integer products of a part of 16 weight rows (or of a constant in all of A) and 8 rows of X, of each group.
template <class TFormat>
__device__ __forceinline__ void multiply(
    int (&d)[TFormat::Groups][4], const uint32_t (&a)[4], const uint32_t (&b)[2], const int (&c)[TFormat::Groups][4])
{
    if constexpr (TFormat::Groups == 1)
    {
        mma_s8(d[0], a, b, c[0]);
    }
    else
    {
        const uint32_t first[2] = {a[0], a[1]};
        const uint32_t second[2] = {a[2], a[3]};
        mma_s8_k16(d[0], first, b[0], c[0]);
        mma_s8_k16(d[1], second, b[1], c[1]);
    }
}

template <class TFormat>
__device__ __forceinline__ void multiply_constant(int (&d)[TFormat::Groups][4], int value, const uint32_t (&b)[2])
{
    const uint32_t four = static_cast<uint32_t>(value & 255) * 0x01010101u;
    const uint32_t a[4] = {four, four, four, four};
    int c[TFormat::Groups][4];
#pragma unroll
    for (int g = 0; g < TFormat::Groups; g++)
    {
        c[g][0] = c[g][1] = c[g][2] = c[g][3] = SumBase;
    }

    if (value != 0)
    {
        multiply<TFormat>(d, a, b, c);
        return;
    }

#pragma unroll
    for (int g = 0; g < TFormat::Groups; g++)
    {
        d[g][0] = d[g][1] = d[g][2] = d[g][3] = SumBase;
    }
}

template <class TFormat, int N>
__device__ __forceinline__ void add_part_products(
    float (&totals)[RowTiles][N / 8][4], const uint8_t* const (&rows)[RowTiles * 2], int part, int p,
    const PartScales<TFormat>* scales, const XFragment<TFormat, N>& x, int g, int t)
{
    constexpr int Groups = TFormat::Groups;
    uint32_t w[RowTiles][4];
    float scale[RowTiles][2][Groups];
    float minimum[RowTiles][2][Groups] = {};
#pragma unroll
    for (int m = 0; m < RowTiles; m++)
    {
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            load_fragment<TFormat>(rows[m * 2 + i], part, t, w[m][i], w[m][i + 2]);
            const PartScales<TFormat> from = scales[(m * 16 + i * 8 + g) * ChunkParts + p];
#pragma unroll
            for (int k = 0; k < Groups; k++)
            {
                scale[m][i][k] = from.values[k];
                if constexpr (TFormat::HasMinimum)
                {
                    minimum[m][i][k] = from.values[Groups + k];
                }
            }
        }
    }

#pragma unroll
    for (int n = 0; n < N / 8; n++)
    {
        int start[Groups][4];
        int x_sums[Groups][4];
        multiply_constant<TFormat>(start, -TFormat::Offset, x.words[n]);
        multiply_constant<TFormat>(x_sums, Groups == 2 && TFormat::HasMinimum ? 1 : 0, x.words[n]);
#pragma unroll
        for (int m = 0; m < RowTiles; m++)
        {
            int sums[Groups][4];
            multiply<TFormat>(sums, w[m], x.words[n], start);
#pragma unroll
            for (int e = 0; e < 4; e++)
            {
                int sum[Groups];
                int x_sum[Groups];
#pragma unroll
                for (int k = 0; k < Groups; k++)
                {
                    sum[k] = sums[k][e];
                    x_sum[k] = x_sums[k][e];
                }

                totals[m][n][e] = add_part<TFormat>(
                    totals[m][n][e], sum, x_sum, scale[m][e / 2], minimum[m][e / 2], x.scales[n][e % 2]);
            }
        }
    }
}

template <class TFormat, int N>
__device__ __forceinline__ void matvec_tile(const MatVecArgs& a)
{
    using Ring = TileRing<TFormat>;
    DYNAMIC_SHARED(shared);
    const int lane = threadIdx.x % WarpSize;
    const int warp = threadIdx.x / WarpSize;
    const int g = lane / 4;
    const int t = lane % 4;

    // Blocks of the same weights follow each other: all but the first find them in the second cache level.
    const int x_tiles = (a.count + N - 1) / N;
    const int first_x = blockIdx.x % x_tiles * N;
    const Tile tile = find_tile<TileRows>(a, blockIdx.x / x_tiles);
    const int parts = a.columns / PartElements;
    const int chunks = (parts + ChunkParts - 1) / ChunkParts;
    const int rounds = (chunks + Partials - 1) / Partials;
    const int row_bytes = a.columns / TFormat::Elements * TFormat::Bytes;
    const uint8_t* first = tile.weights + static_cast<size_t>(tile.first_row) * row_bytes;
    const int last = min(TileRows, tile.rows - tile.first_row) - 1;

    constexpr int CopyLanes = TileThreads / TileRows;
    const int copy_row = threadIdx.x / CopyLanes;
    const uint8_t* copy_from = first + static_cast<size_t>(min(copy_row, last)) * row_bytes;
    auto copy = [&](int round)
    {
        if (round < rounds)
        {
            uint8_t* to = shared + round % Ring::Depth * Ring::RoundBytes + copy_row * Round<TFormat>::Pitch;
            copy_round<TFormat, CopyLanes>(to, copy_from, round, row_bytes, threadIdx.x % CopyLanes);
        }

        commit_copies();
    };
    auto copied_row = [&](int row, int round)
    {
        const uint32_t address = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(first))
            + static_cast<uint32_t>(min(row, last) * row_bytes);
        return shared + round % Ring::Depth * Ring::RoundBytes + row * Round<TFormat>::Pitch
            + copy_offset<TFormat>(address, round);
    };

#pragma unroll
    for (int i = 0; i < Ring::Depth - 1; i++)
    {
        copy(i);
    }

    await_previous();
    release_next();
    PartScales<TFormat>* scales = reinterpret_cast<PartScales<TFormat>*>(shared + Ring::Depth * Ring::RoundBytes)
        + warp * TileRows * ChunkParts;
    float totals[RowTiles][N / 8][4] = {};
    for (int round = 0; round < rounds; round++)
    {
        const int chunk = round * Partials + warp;
        const int part = first_part<TFormat>(chunk);
        const int second = part + PartDistance<TFormat>;
        const bool has_both = has_second<TFormat>(second, parts);
        XFragment<TFormat, N> x[ChunkParts];
        if (part < parts)
        {
            x[0].load(a, first_x, part, g, t);
            x[1].load(a, first_x, has_both ? second : part, g, t);
        }

        // Every thread's copies have landed, and every warp is done with the round whose place the next copies take.
        await_copies<Ring::Depth - 2>();
        __syncthreads();
        copy(round + Ring::Depth - 1);
        if (part >= parts)
        {
            continue;
        }

        const int at[ChunkParts] = {part - round * RoundParts, (has_both ? second : part) - round * RoundParts};
#pragma unroll
        for (int p = 0; p < ChunkParts; p++)
        {
            float scale[TFormat::Groups];
            float minimum[TFormat::Groups];
            TFormat::load_scales(copied_row(lane, round), at[p], scale, minimum);
            PartScales<TFormat> mine;
#pragma unroll
            for (int k = 0; k < TFormat::Groups; k++)
            {
                mine.values[k] = scale[k];
                if constexpr (TFormat::HasMinimum)
                {
                    mine.values[TFormat::Groups + k] = minimum[k];
                }
            }

            scales[lane * ChunkParts + p] = mine;
        }

        __syncwarp();
        const uint8_t* rows[RowTiles * 2];
#pragma unroll
        for (int i = 0; i < RowTiles * 2; i++)
        {
            rows[i] = copied_row(i * 8 + g, round);
        }

        add_part_products<TFormat, N>(totals, rows, at[0], 0, scales, x[0], g, t);
        if (has_both)
        {
            add_part_products<TFormat, N>(totals, rows, at[1], 1, scales, x[1], g, t);
        }
    }

    await_copies<0>();
    __syncthreads();
    write_sums<Partials>(reinterpret_cast<float*>(shared), totals, a, tile, first_x, nullptr);
}

// Two blocks on a multiprocessor while their sums are few: 64 registers a thread.
#define MATVEC_TILE(format, name, n)                                                                    \
    extern "C" __global__ void __launch_bounds__(TileThreads, n == 8 ? 2 : 1) matvec_tile_##name##_##n( \
        const __grid_constant__ MatVecArgs a)                                                           \
    {                                                                                                   \
        matvec_tile<format, n>(a);                                                                      \
    }

#define MATVEC_TILES(format, name) MATVEC_TILE(format, name, 8) MATVEC_TILE(format, name, 16) MATVEC_TILE(format, name, 32)

MATVEC_TILES(Q4_0, q4_0)
MATVEC_TILES(Q4_1, q4_1)
MATVEC_TILES(Q5_0, q5_0)
MATVEC_TILES(Q5_1, q5_1)
MATVEC_TILES(Q8_0, q8_0)
MATVEC_TILES(Q2_K, q2_k)
MATVEC_TILES(Q3_K, q3_k)
MATVEC_TILES(Q4_K, q4_k)
MATVEC_TILES(Q5_K, q5_k)
MATVEC_TILES(Q6_K, q6_k)
MATVEC_TILES(IQ4_NL, iq4_nl)
MATVEC_TILES(IQ4_XS, iq4_xs)
MATVEC_TILES(IQ3_XXS, iq3_xxs)
MATVEC_TILES(IQ3_S, iq3_s)
