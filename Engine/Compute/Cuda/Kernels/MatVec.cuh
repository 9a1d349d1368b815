// Y[r][n] = sum over k of W[n][k] * X[r][k] for decoded rows: what the kernels share.
//
// A row's result must not depend on how many rows the call has, so quantized products have one order of additions:
// a row's parts of 32 weights are taken two at a time ("chunk"), and an output has 16 partial sums. Partial p adds the
// chunks p, p + 16, p + 32, ... in order, a chunk's parts in order, each by add_part (integer sums are exact, so the order
// inside a part is free). The partials are then added as a butterfly does: p with p + 8, then + 4, + 2, + 1.
#pragma once
#include "Formats.cuh"

constexpr int MaxProjections = 3;

struct MatVecArgs
{
    const uint8_t* weights[MaxProjections];    // [rows][columns], all of one type
    float* y[MaxProjections];                  // [count][rows]
    int rows[MaxProjections];                  // outputs; 0 where there are fewer projections
    int columns;
    int count;                                 // rows of X
    const int8_t* quants;                      // X as quantized products take it (QuantLayout),
    const QuantScale* scales;
    const __half* halves;                      // as float16 products do,
    const float* row_scales;
    const float* x;                            // and as it is
};

constexpr int Partials = 16;
constexpr int PartElements = 32;
constexpr int ChunkParts = 2;

// What one chunk of every partial covers of a row: 1024 elements, a whole number of blocks.
constexpr int RoundParts = Partials * ChunkParts;

template <class TFormat>
struct Round
{
    static constexpr int Bytes = RoundParts * PartElements / TFormat::Elements * TFormat::Bytes;

    // Of a row's round in shared memory, where it keeps its address modulo 16. A request of a tile takes 32 bytes each of
    // four rows, or 16 each of eight where groups have 16: pitches that put these in different banks.
    static constexpr int Words = (Bytes + 29) / 16;
    static constexpr int Pitch = TFormat::Groups == 1 ? (Words * 16 + 31) / 64 * 64 + 32 : (Words | 1) * 16;
};

// A chunk has two parts whose numbers differ in this bit: neighbours, but of Q6_K those that share bytes.
template <class TFormat>
constexpr int PartDistance = 1;

template <>
constexpr int PartDistance<Q6_K> = 2;

template <class TFormat>
__device__ __forceinline__ int first_part(int chunk)
{
    return PartDistance<TFormat> == 1 ? chunk << 1 : (chunk & ~1) << 1 | (chunk & 1);
}

// A row's last chunk may have one part, where blocks have 32 elements.
template <class TFormat>
__device__ __forceinline__ bool has_second(int second, int parts)
{
    return TFormat::PartsPerBlock > 1 || second < parts;
}

// In one load: a row of scales is 8-byte aligned.
__device__ __forceinline__ QuantScale load_scale(const QuantScale* p)
{
    const float2 v = *reinterpret_cast<const float2*>(p);
    return QuantScale{v.x, v.y};
}

// An integer sum that started here, read as a float, is 1.5 * 2^23 + sum, exactly while |sum| < 2^22 (at most
// 32 * 128 * 127 here): a subtraction is cheaper than a conversion.
constexpr int SumBase = 0x4B400000;

__device__ __forceinline__ float sum_value(int sum)
{
    return __fadd_rn(__int_as_float(sum), -12582912.0f);
}

// Adds a part's product. sums: of quant times x quant, x_sums: of the x quants alone (only where groups of 16 have
// minima), both from SumBase, of each group.
template <class TFormat>
__device__ __forceinline__ float add_part(
    float total, const int (&sums)[TFormat::Groups], const int (&x_sums)[TFormat::Groups],
    const float (&scale)[TFormat::Groups], const float (&minimum)[TFormat::Groups], QuantScale x)
{
    float part = __fmul_rn(scale[0], sum_value(sums[0]));
    if constexpr (TFormat::Groups == 2)
    {
        part = __fmaf_rn(scale[1], sum_value(sums[1]), part);
        if constexpr (TFormat::HasMinimum)
        {
            part = __fmaf_rn(-minimum[0], sum_value(x_sums[0]), part);
            part = __fmaf_rn(-minimum[1], sum_value(x_sums[1]), part);
        }
    }

    total = __fmaf_rn(x.scale, part, total);
    if constexpr (TFormat::Groups == 1 && TFormat::HasMinimum)
    {
        total = __fmaf_rn(-minimum[0], x.sum, total);
    }

    return total;
}

// The projection that a block's or warp's tile of weight rows belongs to.
struct Tile
{
    const uint8_t* weights;
    float* y;
    int rows;
    int first_row;    // -1: there is no such tile
};

template <int tile_rows>
__device__ __forceinline__ Tile find_tile(const MatVecArgs& a, int index)
{
    Tile tile{nullptr, nullptr, 0, -1};
#pragma unroll
    for (int i = 0; i < MaxProjections; i++)
    {
        const int tiles = (a.rows[i] + tile_rows - 1) / tile_rows;
        if (index >= 0 && index < tiles)
        {
            tile = Tile{a.weights[i], a.y[i], a.rows[i], index * tile_rows};
        }

        index -= tiles;
    }

    return tile;
}

// Copies a row's bytes of one round, or what is left of the row, by `lanes` threads. Whole 16-byte words are copied, so
// up to 15 bytes before and after, which are inside the same allocation: it is 4 KiB aligned.
template <class TFormat, int lanes>
__device__ __forceinline__ void copy_round(uint8_t* shared, const uint8_t* row, int round, int row_bytes, int lane)
{
    constexpr int MaxWords = (Round<TFormat>::Bytes + 29) / 16;
    const int first = round * Round<TFormat>::Bytes;
    const uint8_t* from = row + first;
    const int misaligned = static_cast<int>(reinterpret_cast<uintptr_t>(from) & 15);
    const int words = (misaligned + min(Round<TFormat>::Bytes, row_bytes - first) + 15) >> 4;
    from += lane * 16 - misaligned;
    shared += lane * 16;
#pragma unroll
    for (int i = 0; i < MaxWords; i += lanes)
    {
        if (i < words - lane)
        {
            copy_async(shared + i * 16, from + i * 16);
        }
    }
}

// Where in its copy a row's round begins.
template <class TFormat>
__device__ __forceinline__ int copy_offset(uint32_t row_address, int round)
{
    if constexpr (TFormat::Bytes % 16 == 0)
    {
        return 0;
    }
    else
    {
        return static_cast<int>(row_address + static_cast<uint32_t>(round * Round<TFormat>::Bytes)) & 15;
    }
}

// As a butterfly adds: lane i with lane i + count / 2, and so on.
template <int count, int size>
__device__ __forceinline__ float butterfly_sum(float (&v)[size])
{
#pragma unroll
    for (int i = 0; i < count / 2; i++)
    {
        v[i] = __fadd_rn(v[i], v[i + count / 2]);
    }

    if constexpr (count > 2)
    {
        return butterfly_sum<count / 2>(v);
    }
    else
    {
        return v[0];
    }
}

// Adds the partials that a block's warps hold of a tile (16 weight rows, 8 rows of X, in mma's layout) through shared
// memory, [partial][row tile][X tile][lane][4], and writes Y, times row_scales[row of X] where there are such.
template <int partials, int row_tiles, int x_tiles>
__device__ __forceinline__ void write_sums(
    float* shared, const float (&totals)[row_tiles][x_tiles][4], const MatVecArgs& a, const Tile& tile, int first_x,
    const float* row_scales)
{
    constexpr int Rows = row_tiles * 16;
    constexpr int Outputs = Rows * x_tiles * 8;
    const int lane = threadIdx.x % WarpSize;
    const int warp = threadIdx.x / WarpSize;
#pragma unroll
    for (int m = 0; m < row_tiles; m++)
    {
#pragma unroll
        for (int n = 0; n < x_tiles; n++)
        {
            const float(&d)[4] = totals[m][n];
            float* to = shared + warp * Outputs + ((m * x_tiles + n) * WarpSize + lane) * 4;
            *reinterpret_cast<float4*>(to) = make_float4(d[0], d[1], d[2], d[3]);
        }
    }

    __syncthreads();
    for (int i = threadIdx.x; i < Outputs; i += partials * WarpSize)
    {
        const int r = i % Rows;
        const int n = i / Rows;
        const int holder = r % 8 * 4 + n % 8 / 2;
        const int element = r % 16 / 8 * 2 + n % 2;
        const float* from = shared + ((r / 16 * x_tiles + n / 8) * WarpSize + holder) * 4 + element;
        float sums[partials];
#pragma unroll
        for (int p = 0; p < partials; p++)
        {
            sums[p] = from[p * Outputs];
        }

        const float sum = butterfly_sum<partials>(sums);
        const int row = tile.first_row + r;
        if (row < tile.rows && first_x + n < a.count)
        {
            const float scale = row_scales == nullptr ? 1.0f : row_scales[first_x + n];
            tile.y[static_cast<size_t>(first_x + n) * tile.rows + row] = __fmul_rn(sum, scale);
        }
    }
}
