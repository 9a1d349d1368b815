// What the kernels share: the structs that the host passes, and reductions.
#pragma once
#include "Ptx.cuh"

// Arguments come as one struct by value, read in place from constant memory: KERNEL(256) name(const __grid_constant__ Args a)
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)

// The block's dynamic shared memory, 128-byte aligned.
#ifndef DYNAMIC_SHARED
#define DYNAMIC_SHARED(name) extern __shared__ __align__(128) uint8_t name[]
#endif

constexpr int WarpSize = 32;

// A row's place in its sequence: position p of the sequence lives in cell first_cell + p of the KV pool.
struct RowState
{
    int position;
    int first_cell;
};

// One layer's keys or values: float16 [head][token][dim].
struct KvLayer
{
    __half* keys;
    __half* values;
    int tokens;
    int heads;
    int head_dim;
};

// Scale of 32 quants, and scale times their sum (for weights with a minimum).
struct QuantScale
{
    float scale;
    float sum;
};

// Columns that share a scale.
constexpr int GroupColumns = 32;

// Decode rows up to which products take each row on its own; more are taken in tiles of TiledRows.
constexpr int MostSingleRows = 4;
constexpr int TiledRows = 8;

// Groups in a round: what a warp's lanes take of a row at once.
constexpr int RoundGroups = 32;

// Quants lie so that what a warp loads at once is contiguous. Few rows: row by row, rounds of 32 groups, where lane i of
// 16 takes groups 2 i and 2 i + 1: [row][round][group % 2][16 of 32 columns][group / 2 % 16][16]. More: in tiles of rows,
// [row / 8][group][row % 8][32]. Scales accordingly. Rows take whole rounds and whole tiles of room.
struct QuantLayout
{
    int groups;
    bool is_tiled;

    __host__ __device__ QuantLayout(int columns, int decode_rows)
        : groups(columns / GroupColumns), is_tiled(decode_rows > MostSingleRows)
    {
    }

    // A group's index among the scales.
    __device__ __forceinline__ size_t scale(int row, int group) const
    {
        if (is_tiled)
        {
            return (static_cast<size_t>(row / TiledRows) * groups + group) * TiledRows + row % TiledRows;
        }

        const int rounds = (groups + RoundGroups - 1) / RoundGroups;
        return (static_cast<size_t>(row) * rounds + group / RoundGroups) * RoundGroups + group % 2 * 16 + group % RoundGroups / 2;
    }

    // Offset of the 16 quants of half a group; the second half's follow after half_stride().
    __device__ __forceinline__ size_t quants(int row, int group) const
    {
        if (is_tiled)
        {
            return scale(row, group) * GroupColumns;
        }

        const int rounds = (groups + RoundGroups - 1) / RoundGroups;
        return (static_cast<size_t>(row) * rounds + group / RoundGroups) * (RoundGroups * GroupColumns)
            + group % 2 * 512 + group % RoundGroups / 2 * 16;
    }

    __device__ __forceinline__ int half_stride() const
    {
        return is_tiled ? 16 : 256;
    }
};

// Where encodings of a row go, or are found; null where they are not wanted. Quants are there for the first
// decode_rows rows, halves for all.
struct Encoded
{
    int8_t* quants;        // rint(x / scale), scale = largest |x| of 32 / 127; QuantLayout says where
    QuantScale* scales;
    __half* halves;        // [row][column]: x / row_scale
    float* row_scales;     // [row], powers of two
    int decode_rows;
};

__device__ __forceinline__ float warp_sum(float v)
{
#pragma unroll
    for (int offset = WarpSize / 2; offset > 0; offset /= 2)
    {
        v += __shfl_xor_sync(0xFFFFFFFFu, v, offset);
    }

    return v;
}

__device__ __forceinline__ float warp_max(float v)
{
#pragma unroll
    for (int offset = WarpSize / 2; offset > 0; offset /= 2)
    {
        v = fmaxf(v, __shfl_xor_sync(0xFFFFFFFFu, v, offset));
    }

    return v;
}

__device__ __forceinline__ int warp_sum(int v)
{
#pragma unroll
    for (int offset = WarpSize / 2; offset > 0; offset /= 2)
    {
        v += __shfl_xor_sync(0xFFFFFFFFu, v, offset);
    }

    return v;
}
