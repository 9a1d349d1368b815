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

// Where encodings of a row go, or are found; null where they are not wanted. Quants are there for the first
// decode_rows rows, halves for all.
struct Encoded
{
    int8_t* quants;        // [row][column]: rint(x / scale), scale = largest |x| of 32 / 127
    QuantScale* scales;    // [row][column / 32]
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
