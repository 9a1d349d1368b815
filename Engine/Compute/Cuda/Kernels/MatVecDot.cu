// Quantized products of one to four rows: sums of four int8 products at a time (dp4a), as fast as weights arrive.
// A warp has four weight rows, independent of all others: two for each half, so that what a lane loads of X serves
// two. Lane i % 16 is partial i: it takes a chunk of every round. Weights come through a ring of rounds in shared memory
// that only its warp uses: copies are whole 16-byte words in a row whatever the format's alignment, and several rounds
// are under way without taking registers.
#include "MatVec.cuh"

constexpr int WarpRows = 4;
constexpr int LaneRows = 2;
constexpr int CopyLanes = WarpSize / WarpRows;

template <class TFormat>
struct DotRing
{
    static constexpr int RoundBytes = WarpRows * Round<TFormat>::Pitch;

    // About 14 KB a warp: 16 warps or more on a multiprocessor with 228 KB.
    static constexpr int Depth = RoundBytes * 4 <= 14336 ? 4 : 3;
};

// A chunk of a row of X.
struct XPart
{
    uint32_t quants[8];
    QuantScale scale;
};

__device__ __forceinline__ XPart load_x(const MatVecArgs& a, int row, int part)
{
    XPart x;
    const QuantLayout layout(a.columns, a.count);
    const int8_t* from = a.quants + layout.quants(row, part);
    uint32_t halves[2][4];
    load_words<16>(reinterpret_cast<const uint8_t*>(from), halves[0]);
    load_words<16>(reinterpret_cast<const uint8_t*>(from + layout.half_stride()), halves[1]);
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
        x.quants[i] = halves[i / 4][i % 4];
    }

    x.scale = load_scale(a.scales + layout.scale(row, part));
    return x;
}

// Adds a part of LaneRows weight rows times one row of X.
template <class TFormat>
__device__ __forceinline__ void add_products(
    float (&totals)[LaneRows], const uint32_t (&raw)[LaneRows][8], const float (&scale)[LaneRows][TFormat::Groups],
    const float (&minimum)[LaneRows][TFormat::Groups], const XPart& x)
{
    constexpr int Groups = TFormat::Groups;
    constexpr int GroupWords = 8 / Groups;
    int x_sums[Groups];
    int start[Groups];
#pragma unroll
    for (int g = 0; g < Groups; g++)
    {
        x_sums[g] = SumBase;
        start[g] = SumBase;
        if constexpr (TFormat::Offset > 0 || (Groups == 2 && TFormat::HasMinimum))
        {
            int sum = 0;
#pragma unroll
            for (int w = 0; w < GroupWords; w++)
            {
                sum = __dp4a(static_cast<int>(x.quants[g * GroupWords + w]), 0x01010101, sum);
            }

            x_sums[g] += sum;
            start[g] -= TFormat::Offset * sum;
        }
    }

#pragma unroll
    for (int r = 0; r < LaneRows; r++)
    {
        int sums[Groups];
#pragma unroll
        for (int g = 0; g < Groups; g++)
        {
            sums[g] = start[g];
#pragma unroll
            for (int w = g * GroupWords; w < (g + 1) * GroupWords; w++)
            {
                sums[g] = __dp4a(static_cast<int>(raw[r][w]), static_cast<int>(x.quants[w]), sums[g]);
            }
        }

        totals[r] = add_part<TFormat>(totals[r], sums, x_sums, scale[r], minimum[r], x.scale);
    }
}

// Up to two rows of X are loaded before the wait for weights; more are where they are needed: registers.
constexpr int EarlyXs = 2;

template <class TFormat, int xs>
__device__ __forceinline__ void add_chunk_part(
    float (&totals)[xs][LaneRows], const uint8_t* const (&rows)[LaneRows], int part, int part_of_round,
    const MatVecArgs& a, const XPart (&early)[EarlyXs][ChunkParts], int p)
{
    uint32_t raw[LaneRows][8];
    float scale[LaneRows][TFormat::Groups];
    float minimum[LaneRows][TFormat::Groups];
#pragma unroll
    for (int r = 0; r < LaneRows; r++)
    {
        TFormat::raw32(rows[r], part_of_round, raw[r]);
        TFormat::load_scales(rows[r], part_of_round, scale[r], minimum[r]);
    }

#pragma unroll
    for (int i = 0; i < xs; i++)
    {
        if constexpr (xs <= EarlyXs)
        {
            add_products<TFormat>(totals[i], raw, scale, minimum, early[i][p]);
        }
        else
        {
            add_products<TFormat>(totals[i], raw, scale, minimum, load_x(a, min(i, a.count - 1), part));
        }
    }
}

template <class TFormat, int xs>
__device__ __forceinline__ void matvec_dot(const MatVecArgs& a)
{
    using Ring = DotRing<TFormat>;
    DYNAMIC_SHARED(shared);
    const int lane = threadIdx.x % WarpSize;
    const int warp = threadIdx.x / WarpSize;
    const Tile tile = find_tile<WarpRows>(a, blockIdx.x * (blockDim.x / WarpSize) + warp);
    if (tile.first_row < 0)
    {
        return;
    }

    uint8_t* ring = shared + warp * Ring::Depth * Ring::RoundBytes;
    const int parts = a.columns / PartElements;
    const int rounds = (parts + RoundParts - 1) / RoundParts;
    const int row_bytes = a.columns / TFormat::Elements * TFormat::Bytes;
    const uint8_t* first = tile.weights + static_cast<size_t>(tile.first_row) * row_bytes;

    // Past the last row its copies are read instead.
    const int last = min(WarpRows, tile.rows - tile.first_row) - 1;
    const int copy_row = lane / CopyLanes;
    const uint8_t* copy_from = first + static_cast<size_t>(min(copy_row, last)) * row_bytes;
    auto copy = [&](int round)
    {
        if (round < rounds)
        {
            uint8_t* to = ring + round % Ring::Depth * Ring::RoundBytes + copy_row * Round<TFormat>::Pitch;
            copy_round<TFormat, CopyLanes>(to, copy_from, round, row_bytes, lane % CopyLanes);
        }

        commit_copies();
    };

#pragma unroll
    for (int i = 0; i < Ring::Depth - 1; i++)
    {
        copy(i);
    }

    await_previous();
    release_next();
    const int partial = lane % Partials;
    const int half = lane / Partials;
    const int part_of_round = first_part<TFormat>(partial);
    uint32_t addresses[LaneRows];
    float totals[xs][LaneRows] = {};
#pragma unroll
    for (int r = 0; r < LaneRows; r++)
    {
        const int row = min(half * LaneRows + r, last);
        addresses[r] = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(first)) + static_cast<uint32_t>(row * row_bytes);
    }

    for (int round = 0; round < rounds; round++)
    {
        const int part = round * RoundParts + part_of_round;
        const int second = part | PartDistance<TFormat>;
        XPart early[EarlyXs][ChunkParts];
        if constexpr (xs <= EarlyXs)
        {
#pragma unroll
            for (int i = 0; i < xs; i++)
            {
                const int row = min(i, a.count - 1);
                if (part < parts)
                {
                    early[i][0] = load_x(a, row, part);
                    if (has_second<TFormat>(second, parts))
                    {
                        early[i][1] = load_x(a, row, second);
                    }
                }
            }
        }

        // Every lane's copies have landed, and every lane is done with the round whose place the next copies take.
        await_copies<Ring::Depth - 2>();
        __syncwarp();
        copy(round + Ring::Depth - 1);
        const uint8_t* rows[LaneRows];
#pragma unroll
        for (int r = 0; r < LaneRows; r++)
        {
            rows[r] = ring + round % Ring::Depth * Ring::RoundBytes + (half * LaneRows + r) * Round<TFormat>::Pitch
                + copy_offset<TFormat>(addresses[r], round);
        }

        // One inside the other, so that what both parts load is loaded once.
        if (part < parts)
        {
            add_chunk_part<TFormat, xs>(totals, rows, part, part_of_round, a, early, 0);
            if (has_second<TFormat>(second, parts))
            {
                add_chunk_part<TFormat, xs>(totals, rows, second, part_of_round | PartDistance<TFormat>, a, early, 1);
            }
        }
    }

#pragma unroll
    for (int i = 0; i < xs; i++)
    {
#pragma unroll
        for (int r = 0; r < LaneRows; r++)
        {
            float sum = totals[i][r];
#pragma unroll
            for (int offset = Partials / 2; offset > 0; offset /= 2)
            {
                sum = __fadd_rn(sum, __shfl_xor_sync(0xFFFFFFFFu, sum, offset));
            }

            const int row = tile.first_row + half * LaneRows + r;
            if (partial == i * LaneRows + r && i < a.count && row < tile.rows)
            {
                tile.y[static_cast<size_t>(i) * tile.rows + row] = sum;
            }
        }
    }
}

#define MATVEC_DOT(format, name, xs)                                                            \
    extern "C" __global__ void __launch_bounds__(128, 4) matvec_dot_##name##_##xs(              \
        const __grid_constant__ MatVecArgs a)                                                   \
    {                                                                                           \
        matvec_dot<format, xs>(a);                                                              \
    }

#define MATVEC_DOTS(format, name) MATVEC_DOT(format, name, 1) MATVEC_DOT(format, name, 2) MATVEC_DOT(format, name, 4)

MATVEC_DOTS(Q4_0, q4_0)
MATVEC_DOTS(Q4_1, q4_1)
MATVEC_DOTS(Q5_0, q5_0)
MATVEC_DOTS(Q5_1, q5_1)
MATVEC_DOTS(Q8_0, q8_0)
MATVEC_DOTS(Q2_K, q2_k)
MATVEC_DOTS(Q3_K, q3_k)
MATVEC_DOTS(Q4_K, q4_k)
MATVEC_DOTS(Q5_K, q5_k)
MATVEC_DOTS(Q6_K, q6_k)
MATVEC_DOTS(IQ4_NL, iq4_nl)
MATVEC_DOTS(IQ4_XS, iq4_xs)
MATVEC_DOTS(IQ3_XXS, iq3_xxs)
MATVEC_DOTS(IQ3_S, iq3_s)
