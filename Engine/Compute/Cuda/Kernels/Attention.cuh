// What both attentions share: 16 queries of a warp against keys and values in shared memory, on tensor cores, with the
// softmax taken online in base 2 (queries are scaled by scale * log2(e)).
#pragma once
#include "Common.cuh"

// Rows of queries, keys and values in shared memory: Dim halves, then 16 bytes, so that eight rows' same columns lie in
// different banks.
template <int Dim>
constexpr int Pitch = Dim + 8;

__device__ __forceinline__ float minus_infinity()
{
    return __uint_as_float(0xFF800000u);
}

__device__ __forceinline__ uint32_t pack_halves(float low, float high)
{
    const __half2 h = __floats2half2_rn(low, high);
    return *reinterpret_cast<const uint32_t*>(&h);
}

// What rounding to float16 leaves, itself as float16: both together are good to about 2^-22.
__device__ __forceinline__ uint32_t pack_remainders(float low, float high, uint32_t packed)
{
    const float2 rounded = __half22float2(*reinterpret_cast<const __half2*>(&packed));
    return pack_halves(low - rounded.x, high - rounded.y);
}

// A: rows 0..15, columns [column, column + 16) of row-major queries; or B, transposed, of 16 values' rows.
template <int Dim>
__device__ __forceinline__ const __half* query_tile(const __half* rows, int column)
{
    const int lane = threadIdx.x % WarpSize;
    return rows + lane % 16 * Pitch<Dim> + column + lane / 16 * 8;
}

// B of two n tiles: 16 keys, dimensions [column, column + 16).
template <int Dim>
__device__ __forceinline__ const __half* key_tile(const __half* rows, int column)
{
    const int lane = threadIdx.x % WarpSize;
    return rows + (lane / 16 * 8 + lane % 8) * Pitch<Dim> + column + lane / 8 % 2 * 8;
}

// A lane's share of the softmax of rows g and g + 8: the row's largest score so far, and the lane's part of the sum.
struct SoftmaxRows
{
    float maximum[2];
    float sum[2];

    __device__ __forceinline__ SoftmaxRows() : maximum{minus_infinity(), minus_infinity()}, sum{0.0f, 0.0f}
    {
    }

    // Turns scores of 8 * tiles keys into weights relative to the new maximum, and gives the factor of what was before.
    // A row with no key yet (all -infinity) gets weights of zero.
    template <int tiles>
    __device__ __forceinline__ void add(float (&scores)[tiles][4], float (&factor)[2])
    {
#pragma unroll
        for (int r = 0; r < 2; r++)
        {
            float largest = maximum[r];
#pragma unroll
            for (int n = 0; n < tiles; n++)
            {
                largest = fmaxf(largest, fmaxf(scores[n][2 * r], scores[n][2 * r + 1]));
            }

            largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, 1));
            largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, 2));
            const float reference = largest == minus_infinity() ? 0.0f : largest;
            factor[r] = exp2f(maximum[r] - reference);
            maximum[r] = largest;
            float added = 0.0f;
#pragma unroll
            for (int n = 0; n < tiles; n++)
            {
                scores[n][2 * r] = exp2f(scores[n][2 * r] - reference);
                scores[n][2 * r + 1] = exp2f(scores[n][2 * r + 1] - reference);
                added += scores[n][2 * r] + scores[n][2 * r + 1];
            }

            sum[r] = __fmaf_rn(sum[r], factor[r], added);
        }
    }

    // The sum over the four lanes of a row.
    __device__ __forceinline__ float total(int r) const
    {
        const float pair = sum[r] + __shfl_xor_sync(0xFFFFFFFFu, sum[r], 1);
        return pair + __shfl_xor_sync(0xFFFFFFFFu, pair, 2);
    }
};

// Accumulators times the factors; multiplying by one changes no bit and is left out.
template <int tiles>
__device__ __forceinline__ void rescale(float (&y)[tiles][4], const float (&factor)[2])
{
    if (!__any_sync(0xFFFFFFFFu, factor[0] != 1.0f || factor[1] != 1.0f))
    {
        return;
    }

#pragma unroll
    for (int n = 0; n < tiles; n++)
    {
        y[n][0] *= factor[0];
        y[n][1] *= factor[0];
        y[n][2] *= factor[1];
        y[n][3] *= factor[1];
    }
}

// Attention for shapes the tensor cores do not take: one query head over cells [begin, end) of its sequence, a cell a
// warp and step. Every warp leaves its maximum, sum and accumulators in shared memory; the caller merges them in order.
constexpr int AnyWarps = 4;
constexpr int AnyHeadDim = 512;

struct AnyShared
{
    float query[AnyHeadDim];
    float y[AnyWarps][AnyHeadDim];
    float maximum[AnyWarps];
    float sum[AnyWarps];
};

// keys, values: of the head's cell of position 0. scale includes log2(e).
__device__ __forceinline__ void attend_any(
    AnyShared& shared, const float* q, const __half* keys, const __half* values, int head_dim, int begin, int end, float scale)
{
    constexpr int PerLane = AnyHeadDim / WarpSize;
    const int lane = threadIdx.x % WarpSize;
    const int warp = threadIdx.x / WarpSize;
    for (int d = threadIdx.x; d < head_dim; d += AnyWarps * WarpSize)
    {
        shared.query[d] = q[d] * scale;
    }

    __syncthreads();
    float y[PerLane] = {};
    float maximum = minus_infinity();
    float sum = 0.0f;
    for (int cell = begin + warp; cell < end; cell += AnyWarps)
    {
        const __half* key = keys + static_cast<size_t>(cell) * head_dim;
        const __half* value = values + static_cast<size_t>(cell) * head_dim;
        float score = 0.0f;
#pragma unroll
        for (int i = 0; i < PerLane; i++)
        {
            const int d = i * WarpSize + lane;
            score = d < head_dim ? __fmaf_rn(shared.query[d], __half2float(key[d]), score) : score;
        }

        score = warp_sum(score);
        const float largest = fmaxf(maximum, score);
        const float factor = exp2f(maximum - largest);
        const float weight = exp2f(score - largest);
        maximum = largest;
        sum = __fmaf_rn(sum, factor, weight);
#pragma unroll
        for (int i = 0; i < PerLane; i++)
        {
            const int d = i * WarpSize + lane;
            y[i] = d < head_dim ? __fmaf_rn(y[i], factor, weight * __half2float(value[d])) : 0.0f;
        }
    }

#pragma unroll
    for (int i = 0; i < PerLane; i++)
    {
        shared.y[warp][i * WarpSize + lane] = y[i];
    }

    if (lane == 0)
    {
        shared.maximum[warp] = maximum;
        shared.sum[warp] = sum;
    }

    __syncthreads();
}

// Merges `count` partial softmaxes in their order: y = sum of weight * y, sum = sum of weight * sum.
template <int count>
__device__ __forceinline__ float merged_maximum(const float* maximum, int stride)
{
    float largest = maximum[0];
#pragma unroll
    for (int i = 1; i < count; i++)
    {
        largest = fmaxf(largest, maximum[i * stride]);
    }

    return largest;
}

// The weight of a part whose maximum is `own`; a part without keys has none.
__device__ __forceinline__ float part_weight(float own, float largest)
{
    return own == minus_infinity() ? 0.0f : exp2f(own - largest);
}
