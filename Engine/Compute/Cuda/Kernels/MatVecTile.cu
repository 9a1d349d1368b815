// Quantized products of five rows and more on tensor cores (int8), the bits those of MatVecDot.cu.
// A block has 32 weight rows, a tile of N rows of X, and 16 warps: the partials. Each round its threads copy a round of the
// weight rows to a ring in shared memory, and warp p multiplies chunk p of it.
#include "MatVecTile.cuh"

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
    const int rounds = (parts + RoundParts - 1) / RoundParts;
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
    const int part_of_round = first_part<TFormat>(warp);
    for (int round = 0; round < rounds; round++)
    {
        const int part = round * RoundParts + part_of_round;
        const int second = part | PartDistance<TFormat>;
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

        // Of a missing part whatever lies there is loaded, and not used.
        const int at[ChunkParts] = {part_of_round, part_of_round | PartDistance<TFormat>};
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

            scales[p * TileRows + lane] = mine;
        }

        __syncwarp();
        const uint8_t* rows[RowTiles * 2];
#pragma unroll
        for (int i = 0; i < RowTiles * 2; i++)
        {
            rows[i] = copied_row(i * 8 + g, round);
        }

        // Both parts at once: what they share is loaded once.
        WeightFragment<TFormat> w[ChunkParts];
        w[0].load(rows, at[0], t);
        w[1].load(rows, at[1], t);
        add_part_products<TFormat, N>(totals, w[0], scales, x[0], g);
        if (has_both)
        {
            add_part_products<TFormat, N>(totals, w[1], scales + TileRows, x[1], g);
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
