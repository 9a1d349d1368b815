// How rows become what products read (Encoded in Common.cuh), written by the kernel that makes the row. A group's quants
// need the group's largest magnitude, so groups are independent of each other; halves need the whole row's.
#pragma once
#include "Common.cuh"

// Sum over a block of up to 1024 threads, the same bits in every thread. `partial`: a float a warp, used once a kernel.
__device__ __forceinline__ float block_sum(float v, float* partial)
{
    const int lane = threadIdx.x % WarpSize;
    v = warp_sum(v);
    if (lane == 0)
    {
        partial[threadIdx.x / WarpSize] = v;
    }

    __syncthreads();
    return warp_sum(lane < blockDim.x / WarpSize ? partial[lane] : 0.0f);
}

// Largest over a block, of values that are not negative. `partial` as above.
__device__ __forceinline__ float block_max(float v, float* partial)
{
    const int lane = threadIdx.x % WarpSize;
    v = warp_max(v);
    if (lane == 0)
    {
        partial[threadIdx.x / WarpSize] = v;
    }

    __syncthreads();
    return warp_max(lane < blockDim.x / WarpSize ? partial[lane] : 0.0f);
}

__device__ __forceinline__ float largest_of(float4 v)
{
    return fmaxf(fmaxf(fabsf(v.x), fabsf(v.y)), fmaxf(fabsf(v.z), fabsf(v.w)));
}

// Quants of a group whose largest magnitude is known. Magnitudes whose reciprocal would overflow count as zero.
struct GroupScale
{
    float scale;
    float inverse;

    __device__ __forceinline__ explicit GroupScale(float largest)
    {
        const bool is_zero = largest < 1e-35f;
        scale = is_zero ? 0.0f : __fdiv_rn(largest, 127.0f);
        inverse = is_zero ? 0.0f : __fdiv_rn(127.0f, largest);
    }

    __device__ __forceinline__ int quant(float v) const
    {
        return __float2int_rn(__fmul_rn(v, inverse));
    }

    __device__ __forceinline__ QuantScale with_sum(int sum) const
    {
        return QuantScale{scale, __fmul_rn(scale, static_cast<float>(sum))};
    }
};

// Four columns a lane, the group in eight neighbouring lanes; all lanes of the warp call; `wanted` is the same for the
// whole group.
__device__ __forceinline__ void write_quants(const Encoded& encoded, int row, int column, int columns, float4 v, bool wanted)
{
    float largest = largest_of(v);
#pragma unroll
    for (int offset = 1; offset < 8; offset *= 2)
    {
        largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, offset));
    }

    const GroupScale group(largest);
    const int q0 = group.quant(v.x);
    const int q1 = group.quant(v.y);
    const int q2 = group.quant(v.z);
    const int q3 = group.quant(v.w);
    int sum = q0 + q1 + q2 + q3;
#pragma unroll
    for (int offset = 1; offset < 8; offset *= 2)
    {
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, offset);
    }

    if (wanted)
    {
        const QuantLayout layout(columns, encoded.decode_rows);
        const int index = column / GroupColumns;
        const int in_group = column % GroupColumns;
        int8_t* to = encoded.quants + layout.quants(row, index) + in_group / 16 * layout.half_stride() + in_group % 16;
        *reinterpret_cast<uint32_t*>(to) =
            (q0 & 0xFF) | (q1 & 0xFF) << 8 | (q2 & 0xFF) << 16 | static_cast<uint32_t>(q3 & 0xFF) << 24;
        if (in_group == 0)
        {
            encoded.scales[layout.scale(row, index)] = group.with_sum(sum);
        }
    }
}

// The same with a column a lane, the group in a warp.
__device__ __forceinline__ void write_quants(const Encoded& encoded, int row, int column, int columns, float v, bool wanted)
{
    const GroupScale group(warp_max(fabsf(v)));
    const int quant = group.quant(v);
    const int sum = warp_sum(quant);
    if (wanted)
    {
        const QuantLayout layout(columns, encoded.decode_rows);
        const int index = column / GroupColumns;
        const int in_group = column % GroupColumns;
        encoded.quants[layout.quants(row, index) + in_group / 16 * layout.half_stride() + in_group % 16] = static_cast<int8_t>(quant);
        if (in_group == 0)
        {
            encoded.scales[layout.scale(row, index)] = group.with_sum(sum);
        }
    }
}

// The power of two that takes a row's largest magnitude into [1024, 2048): far from float16's overflow, and all that is
// 2^-24 of the largest or more stays a normal number.
struct RowScale
{
    float scale;
    float inverse;

    __device__ __forceinline__ explicit RowScale(float largest)
    {
        const int exponent = max(static_cast<int>(__float_as_uint(largest) >> 23), 11);
        scale = largest == 0.0f ? 1.0f : __uint_as_float(static_cast<uint32_t>(exponent - 10) << 23);
        inverse = largest == 0.0f ? 1.0f : __uint_as_float(static_cast<uint32_t>(264 - exponent) << 23);
    }
};

__device__ __forceinline__ void write_halves(const Encoded& encoded, size_t at, float4 v, const RowScale& row)
{
    const __half2 low = __floats2half2_rn(v.x * row.inverse, v.y * row.inverse);
    const __half2 high = __floats2half2_rn(v.z * row.inverse, v.w * row.inverse);
    uint2 packed;
    packed.x = *reinterpret_cast<const uint32_t*>(&low);
    packed.y = *reinterpret_cast<const uint32_t*>(&high);
    *reinterpret_cast<uint2*>(encoded.halves + at) = packed;
}

// Below: what turns a row into y and its encodings, for rows that can be computed element by element. A Source has
// `float4 four(row, column)` for column % 4 == 0 where columns % 4 == 0, and `float one(row, column)`. y may be one of
// the source's inputs (every thread reads what it overwrites), and null where only encodings are wanted.

// Grid: rows by blocks of 4 * blockDim.x columns. No halves, columns % 4 == 0.
template <class Source>
__device__ __forceinline__ void write_columns(const Source& source, int row, int columns, float* y, const Encoded& encoded)
{
    const int column = 4 * (blockIdx.y * blockDim.x + threadIdx.x);
    const bool is_inside = column < columns;
    const size_t at = static_cast<size_t>(row) * columns + column;
    const float4 v = is_inside ? source.four(row, column) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (is_inside && y != nullptr)
    {
        *reinterpret_cast<float4*>(y + at) = v;
    }

    if (encoded.quants != nullptr && row < encoded.decode_rows)
    {
        write_quants(encoded, row, column, columns, v, is_inside);
    }
}

// A block of `threads` a row, the row in registers between the passes. columns % 4 == 0, at most 4 * threads * vectors.
template <int threads, int vectors, class Source>
__device__ __forceinline__ void write_row(const Source& source, int row, int columns, float* y, const Encoded& encoded)
{
    __shared__ float partial[threads / WarpSize];
    const size_t start = static_cast<size_t>(row) * columns;
    float4 v[vectors];
    float largest = 0.0f;
#pragma unroll
    for (int i = 0; i < vectors; i++)
    {
        const int column = 4 * (i * threads + threadIdx.x);
        v[i] = column < columns ? source.four(row, column) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        largest = fmaxf(largest, largest_of(v[i]));
    }

    const RowScale scale(block_max(largest, partial));
    const bool has_quants = encoded.quants != nullptr && row < encoded.decode_rows;
#pragma unroll
    for (int i = 0; i < vectors; i++)
    {
        const int column = 4 * (i * threads + threadIdx.x);
        const bool is_inside = column < columns;
        if (has_quants)
        {
            write_quants(encoded, row, column, columns, v[i], is_inside);
        }

        if (is_inside)
        {
            if (y != nullptr)
            {
                *reinterpret_cast<float4*>(y + start + column) = v[i];
            }

            write_halves(encoded, start + column, v[i], scale);
        }
    }

    if (threadIdx.x == 0)
    {
        encoded.row_scales[row] = scale.scale;
    }
}

// A block of `threads` a row of any length; halves may be null.
template <int threads, class Source>
__device__ __forceinline__ void write_row_any(const Source& source, int row, int columns, float* y, const Encoded& encoded)
{
    __shared__ float partial[threads / WarpSize];
    const size_t start = static_cast<size_t>(row) * columns;
    const bool has_quants = encoded.quants != nullptr && row < encoded.decode_rows;
    float largest = 0.0f;
    for (int first = 0; first < columns; first += threads)
    {
        const int column = first + threadIdx.x;
        const bool is_inside = column < columns;
        const float v = is_inside ? source.one(row, column) : 0.0f;
        largest = fmaxf(largest, fabsf(v));
        if (is_inside && y != nullptr)
        {
            y[start + column] = v;
        }

        if (has_quants)
        {
            write_quants(encoded, row, column, columns, v, is_inside);
        }
    }

    if (encoded.halves == nullptr)
    {
        return;
    }

    const RowScale scale(block_max(largest, partial));
    for (int column = threadIdx.x; column < columns; column += threads)
    {
        const float v = y != nullptr ? y[start + column] : source.one(row, column);
        encoded.halves[start + column] = __float2half_rn(v * scale.inverse);
    }

    if (threadIdx.x == 0)
    {
        encoded.row_scales[row] = scale.scale;
    }
}
