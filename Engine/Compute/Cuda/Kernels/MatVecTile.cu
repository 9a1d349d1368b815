// Quantized products of five rows and more on tensor cores (int8), the bits those of MatVecDot.cu.
// A block has 32 weight rows, a tile of N rows of X, and 16 warps: the partials. Each round its threads copy a round of the
// weight rows to a ring in shared memory, and warp p multiplies chunk p of it.
#include "MatVecTile.cuh"

template <class TFormat, int N>
__device__ __forceinline__ void matvec_tile(const MatVecArgs& a)
{
    using Ring = TileRing<TFormat>;
    constexpr int Bytes = Round<TFormat>::Bytes;
    static_assert(Bytes % 8 == 0 && TFormat::Bytes % 2 == 0);
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
    const int row_bytes = a.columns / TFormat::Elements * TFormat::Bytes;
    const uint8_t* first = tile.weights + static_cast<size_t>(tile.first_row) * row_bytes;
    const int last = min(TileRows, tile.rows - tile.first_row) - 1;

    const uint32_t address = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(first));

    // Copies of a round of each row: whole 16-byte words, as copy_round's. Rows past the last are the last again.
    constexpr int CopyLanes = TileThreads / TileRows;
    const int copy_row = threadIdx.x / CopyLanes;
    const int copy_word = threadIdx.x % CopyLanes * 16;
    const uint8_t* copy_from = first + static_cast<size_t>(min(copy_row, last)) * row_bytes;
    int copy_misaligned = static_cast<int>(reinterpret_cast<uintptr_t>(copy_from) & 15);
    copy_from += copy_word - copy_misaligned;
    uint8_t* const copy_to = shared + copy_row * Ring::Pitch + copy_word;
    int copy_left = row_bytes;
    int copy_stage = 0;
    auto copy = [&]()
    {
        if (copy_left > 0)
        {
            uint8_t* const to = copy_to + copy_stage * Ring::RoundBytes;
            const int bytes = min(Bytes, copy_left) + copy_misaligned - copy_word;
#pragma unroll
            for (int i = 0; i < Round<TFormat>::Words * 16; i += CopyLanes * 16)
            {
                if (i < bytes)
                {
                    copy_async(to + i, copy_from + i);
                }
            }
        }

        copy_left -= Bytes;
        copy_stage = copy_stage == Ring::Depth - 1 ? 0 : copy_stage + 1;
        if constexpr (Bytes % 16 == 0)
        {
            copy_from += Bytes;
        }
        else
        {
            // The next round is as far from its 16-byte word as this one, or 8 bytes more or less.
            copy_from += Bytes - 8 + (copy_misaligned & 8) * 2;
            copy_misaligned ^= 8;
        }

        commit_copies();
    };

#pragma unroll
    for (int i = 0; i < Ring::Depth - 1; i++)
    {
        copy();
    }

    await_previous();
    release_next();
    PartScales<TFormat>* scales = reinterpret_cast<PartScales<TFormat>*>(shared + Ring::Depth * Ring::RoundBytes)
        + warp * TileRows * ChunkParts;
    float totals[RowTiles][N / 8][4] = {};
    const int part_of_round = first_part<TFormat>(warp);
    const int at[ChunkParts] = {part_of_round, part_of_round | PartDistance<TFormat>};
    XPlace<TFormat, N> x_place(a, first_x, part_of_round, g, t);

    // Rows 8 apart are equally far from a 16-byte word; where one past the last is not, what it gives is not written.
    // From round to round that changes by 0 or 8.
    int row_at = g * Ring::Pitch + copy_offset<TFormat>(address + static_cast<uint32_t>(g * row_bytes), 0);
    int scales_at = lane * Ring::Pitch + copy_offset<TFormat>(address + static_cast<uint32_t>(lane * row_bytes), 0);
    int stage = 0;
    for (int part = part_of_round; part - part_of_round < parts; part += RoundParts)
    {
        const bool has_both = has_second<TFormat>(part | PartDistance<TFormat>, parts);
        XFragment<TFormat, N> x[ChunkParts];
        if (part < parts)
        {
            x[0].load(x_place, 0);
            x[1].load(x_place, has_both ? PartDistance<TFormat> : 0);
            x_place.next_round();
        }

        // Every thread's copies have landed, and every warp is done with the round whose place the next copies take.
        await_copies<Ring::Depth - 2>();
        __syncthreads();
        copy();
        if (part >= parts)
        {
            continue;
        }

        // Both parts at once: what they share is loaded once. Of a missing part whatever lies there is, and not used.
        // That all lanes have read the last round's scales, the __syncthreads says.
        const uint8_t* const round = shared + stage * Ring::RoundBytes;
        PartScales<TFormat> mine[ChunkParts];
#pragma unroll
        for (int p = 0; p < ChunkParts; p++)
        {
            float scale[TFormat::Groups];
            float minimum[TFormat::Groups];
            TFormat::load_scales(round + scales_at, at[p], scale, minimum);
#pragma unroll
            for (int k = 0; k < TFormat::Groups; k++)
            {
                mine[p].values[k] = scale[k];
                if constexpr (TFormat::HasMinimum)
                {
                    mine[p].values[TFormat::Groups + k] = minimum[k];
                }
            }
        }

#pragma unroll
        for (int p = 0; p < ChunkParts; p++)
        {
            scales[p * TileRows + lane] = mine[p];
        }

        __syncwarp();
        const uint8_t* rows[RowTiles * 2];
#pragma unroll
        for (int i = 0; i < RowTiles * 2; i++)
        {
            rows[i] = round + row_at + i * 8 * Ring::Pitch;
        }

        WeightFragment<TFormat> w[ChunkParts];
        w[0].load(rows, at[0], t);
        w[1].load(rows, at[1], t);
        add_part_products<TFormat, N>(totals, w[0], scales, x[0], g);
        if (has_both)
        {
            add_part_products<TFormat, N>(totals, w[1], scales + TileRows, x[1], g);
        }

        stage = stage == Ring::Depth - 1 ? 0 : stage + 1;
        if constexpr (Bytes % 16 != 0)
        {
            row_at ^= 8;
            scales_at ^= 8;
        }
    }

    await_copies<0>();
    __syncthreads();
    write_sums<Partials>(reinterpret_cast<float*>(shared), totals, a, tile, first_x, nullptr);
}

// Two blocks on a multiprocessor where 64 registers a thread are enough: few sums, and one scale for 32 weights.
#define MATVEC_TILE(format, name, n)                                                                    \
    extern "C" __global__ void __launch_bounds__(TileThreads, n == 8 && format::Groups == 1 ? 2 : 1) matvec_tile_##name##_##n( \
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
