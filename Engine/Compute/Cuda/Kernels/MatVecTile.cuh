// A part of a tile on int8 tensor cores (MatVecTile.cu): fragments as lanes load them, and their products.
// Where an element stands in a product is free inside a group, so lane (g, t) takes 8 neighbouring elements of a part, or 4
// of either half of it, of weight rows g, g + 8, ... and of X rows g, g + 8, ...: loads are whole words in a row.
#pragma once
#include "MatVec.cuh"

constexpr int TileRows = 32;
constexpr int TileThreads = Partials * WarpSize;
constexpr int RowTiles = TileRows / 16;

// Whether lane t takes words t and t + 4 of a part, not 2t and 2t + 1: of each group of 16, or what shares bytes.
template <class TFormat>
constexpr bool TakesHalves = TFormat::Groups == 2 || TFormat::HasPairs;

template <class TFormat>
struct TileRing
{
    // A request takes 16 bytes each of eight rows where lanes take halves, otherwise as Round says.
    static constexpr int Pitch = TakesHalves<TFormat> ? (Round<TFormat>::Words | 1) * 16 : Round<TFormat>::Pitch;
    static constexpr int RoundBytes = TileRows * Pitch;

    // What fits beside a warp's scales in the 99 KB that a block of consumer GPUs can have.
    static constexpr int Depth = RoundBytes * 4 <= 90112 ? 4 : RoundBytes * 3 <= 90112 ? 3 : 2;
};

// The scales of a row's part, then its minima: handed on by the lane that unpacks them to those that use them.
template <class TFormat>
struct alignas(TFormat::Groups * (TFormat::HasMinimum ? 8 : 4)) PartScales
{
    float values[TFormat::Groups * (TFormat::HasMinimum ? 2 : 1)];
};

// Words of lane t in a part.
template <class TFormat>
__device__ __forceinline__ void load_fragment(const uint8_t* row, int part, int t, uint32_t& first, uint32_t& second)
{
    if constexpr (TFormat::Groups == 1)
    {
        uint32_t raw[2];
        if constexpr (TFormat::HasPairs)
        {
            TFormat::raw_pair(row, part, t, raw);
        }
        else
        {
            TFormat::raw8(row, part, t, raw);
        }

        first = raw[0];
        second = raw[1];
    }
    else
    {
        // Word t is word 0 of a row that begins t words later: what is left of the place is the same for all lanes.
        first = TFormat::raw4(row + t * 4, part, 0);
        second = TFormat::raw4(row + t * 4, part, 4);
    }
}

// Where a lane finds a part of X: QuantLayout's tiles, in which parts follow each other.
template <class TFormat, int N>
struct XPlace
{
    static constexpr int PartBytes = TiledRows * PartElements;

    const int8_t* quants;
    const QuantScale* scales;

    // Parts from the first tile to each.
    int tiles[N / 8];

    // Tiles past the last are the last again: their columns of the product are not written.
    __device__ __forceinline__ XPlace(const MatVecArgs& a, int first_x, int part, int g, int t)
    {
        const int groups = a.columns / GroupColumns;
        const int first_tile = first_x / TiledRows;
        const size_t at = static_cast<size_t>(first_tile) * groups + part;
        quants = a.quants + at * PartBytes + g * PartElements + t * (TakesHalves<TFormat> ? 4 : 8);
        scales = a.scales + at * TiledRows + t * 2;
#pragma unroll
        for (int n = 0; n < N / 8; n++)
        {
            tiles[n] = n == 0 ? 0 : min(n, (a.count - 1) / TiledRows - first_tile) * groups;
        }
    }

    __device__ __forceinline__ void next_round()
    {
        quants += RoundParts * PartBytes;
        scales += RoundParts * TiledRows;
    }
};

template <class TFormat, int N>
struct XFragment
{
    static constexpr int Tiles = N / 8;

    // Of X row g of each tile.
    uint32_t words[Tiles][2];

    // Of X rows 2t, 2t + 1 of each tile.
    QuantScale scales[Tiles][2];

    // The part `distance` after the place's. Rows past the last, to the end of its tile, are whatever lies there.
    __device__ __forceinline__ void load(const XPlace<TFormat, N>& x, int distance)
    {
#pragma unroll
        for (int n = 0; n < Tiles; n++)
        {
            const int part = x.tiles[n] + distance;
            const int8_t* from = x.quants + part * XPlace<TFormat, N>::PartBytes;
            if constexpr (TakesHalves<TFormat>)
            {
                words[n][0] = *reinterpret_cast<const uint32_t*>(from);
                words[n][1] = *reinterpret_cast<const uint32_t*>(from + 16);
            }
            else
            {
                const uint2 both = *reinterpret_cast<const uint2*>(from);
                words[n][0] = both.x;
                words[n][1] = both.y;
            }

            const float4 both = *reinterpret_cast<const float4*>(x.scales + part * TiledRows);
            scales[n][0] = QuantScale{both.x, both.y};
            scales[n][1] = QuantScale{both.z, both.w};
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

// A part of weight rows g, g + 8, ...
template <class TFormat>
struct WeightFragment
{
    uint32_t words[RowTiles][4];

    __device__ __forceinline__ void load(const uint8_t* const (&rows)[RowTiles * 2], int part, int t)
    {
#pragma unroll
        for (int m = 0; m < RowTiles; m++)
        {
            load_fragment<TFormat>(rows[m * 2], part, t, words[m][0], words[m][2]);
            load_fragment<TFormat>(rows[m * 2 + 1], part, t, words[m][1], words[m][3]);
        }
    }
};

template <class TFormat, int N>
__device__ __forceinline__ void add_part_products(
    float (&totals)[RowTiles][N / 8][4], const WeightFragment<TFormat>& w, const PartScales<TFormat>* scales,
    const XFragment<TFormat, N>& x, int g)
{
    constexpr int Groups = TFormat::Groups;
    float scale[RowTiles][2][Groups];
    float minimum[RowTiles][2][Groups] = {};
#pragma unroll
    for (int m = 0; m < RowTiles; m++)
    {
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            const PartScales<TFormat> from = scales[m * 16 + i * 8 + g];
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
            multiply<TFormat>(sums, w.words[m], x.words[n], start);
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
