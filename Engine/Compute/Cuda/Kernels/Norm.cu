// x += delta; y = x / sqrt(mean(x^2) + epsilon) * gain, row by row, with the encodings of y. The kernel is chosen by the
// columns alone, so a row's sum of squares has one order of additions whatever else is there.
#include "Encode.cuh"

struct NormArgs
{
    float* x;            // [rows][columns]
    const float* delta;  // as x, or null
    const float* gain;   // [columns]
    float* y;            // as x; may be x or delta
    Encoded encoded;
    int rows;
    int columns;
    float epsilon;
};

__device__ __forceinline__ float4 add_four(float4 a, float4 b)
{
    return make_float4(__fadd_rn(a.x, b.x), __fadd_rn(a.y, b.y), __fadd_rn(a.z, b.z), __fadd_rn(a.w, b.w));
}

__device__ __forceinline__ float add_squares(float sum, float4 v)
{
    return __fmaf_rn(v.w, v.w, __fmaf_rn(v.z, v.z, __fmaf_rn(v.y, v.y, __fmaf_rn(v.x, v.x, sum))));
}

__device__ __forceinline__ float4 scale_four(float4 v, float inverse, float4 gain)
{
    return make_float4(v.x * inverse * gain.x, v.y * inverse * gain.y, v.z * inverse * gain.z, v.w * inverse * gain.w);
}

// Lanes of a row: a warp (short rows) or a block. Vector i of lane t holds columns 4 * (i * lanes + t) ...
template <int lanes, int vectors>
__device__ __forceinline__ void norm_row(const NormArgs& a, int row, int t, float* sums, float* maxima)
{
    const size_t start = static_cast<size_t>(row) * a.columns;
    const float4 zero = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    float4 gain[vectors];
#pragma unroll
    for (int i = 0; i < vectors; i++)
    {
        const int column = 4 * (i * lanes + t);
        gain[i] = column < a.columns ? *reinterpret_cast<const float4*>(a.gain + column) : zero;
    }

    await_previous();
    release_next();
    float4 v[vectors];
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < vectors; i++)
    {
        const int column = 4 * (i * lanes + t);
        v[i] = column < a.columns ? *reinterpret_cast<const float4*>(a.x + start + column) : zero;
    }

    if (a.delta != nullptr)
    {
        // All loads before the first store: the compiler must take them for the same memory.
        float4 delta[vectors];
#pragma unroll
        for (int i = 0; i < vectors; i++)
        {
            const int column = 4 * (i * lanes + t);
            delta[i] = column < a.columns ? *reinterpret_cast<const float4*>(a.delta + start + column) : zero;
        }

#pragma unroll
        for (int i = 0; i < vectors; i++)
        {
            const int column = 4 * (i * lanes + t);
            v[i] = add_four(v[i], delta[i]);
            if (column < a.columns)
            {
                *reinterpret_cast<float4*>(a.x + start + column) = v[i];
            }
        }
    }

#pragma unroll
    for (int i = 0; i < vectors; i++)
    {
        sum = add_squares(sum, v[i]);
    }

    sum = lanes == WarpSize ? warp_sum(sum) : block_sum(sum, sums);
    const float inverse = rsqrtf(sum / a.columns + a.epsilon);
    const bool has_quants = a.encoded.quants != nullptr && row < a.encoded.decode_rows;
    float largest = 0.0f;
#pragma unroll
    for (int i = 0; i < vectors; i++)
    {
        const int column = 4 * (i * lanes + t);
        const bool is_inside = column < a.columns;
        v[i] = scale_four(v[i], inverse, gain[i]);
        largest = fmaxf(largest, largest_of(v[i]));
        if (is_inside)
        {
            *reinterpret_cast<float4*>(a.y + start + column) = v[i];
        }

        if (has_quants)
        {
            write_quants(a.encoded, row, column, a.columns, v[i], is_inside);
        }
    }

    if (a.encoded.halves == nullptr)
    {
        return;
    }

    const RowScale scale(lanes == WarpSize ? warp_max(largest) : block_max(largest, maxima));
#pragma unroll
    for (int i = 0; i < vectors; i++)
    {
        const int column = 4 * (i * lanes + t);
        if (column < a.columns)
        {
            write_halves(a.encoded, start + column, v[i], scale);
        }
    }

    if (t == 0)
    {
        a.encoded.row_scales[row] = scale.scale;
    }
}

// A warp a row, eight rows a block: heads.
template <int vectors>
__device__ __forceinline__ void norm_short(const NormArgs& a)
{
    const int row = blockIdx.x * (256 / WarpSize) + threadIdx.x / WarpSize;
    if (row < a.rows)
    {
        norm_row<WarpSize, vectors>(a, row, threadIdx.x % WarpSize, nullptr, nullptr);
    }
    else
    {
        await_previous();
    }
}

template <int vectors>
__device__ __forceinline__ void norm_long(const NormArgs& a)
{
    __shared__ float sums[512 / WarpSize];
    __shared__ float maxima[512 / WarpSize];
    norm_row<512, vectors>(a, blockIdx.x, threadIdx.x, sums, maxima);
}

// Rows of any length: every thread reads again what it wrote itself.
KERNEL(512) norm_any(const __grid_constant__ NormArgs a)
{
    __shared__ float sums[512 / WarpSize];
    __shared__ float maxima[512 / WarpSize];
    const int row = blockIdx.x;
    const size_t start = static_cast<size_t>(row) * a.columns;
    await_previous();
    release_next();
    float sum = 0.0f;
    for (int column = threadIdx.x; column < a.columns; column += 512)
    {
        float v = a.x[start + column];
        if (a.delta != nullptr)
        {
            v = __fadd_rn(v, a.delta[start + column]);
            a.x[start + column] = v;
        }

        sum = __fmaf_rn(v, v, sum);
    }

    const float inverse = rsqrtf(block_sum(sum, sums) / a.columns + a.epsilon);
    const bool has_quants = a.encoded.quants != nullptr && row < a.encoded.decode_rows;
    float largest = 0.0f;
    for (int first = 0; first < a.columns; first += 512)
    {
        const int column = first + threadIdx.x;
        const bool is_inside = column < a.columns;
        const float v = is_inside ? a.x[start + column] * inverse * a.gain[column] : 0.0f;
        largest = fmaxf(largest, fabsf(v));
        if (is_inside)
        {
            a.y[start + column] = v;
        }

        if (has_quants)
        {
            write_quants(a.encoded, row, column, a.columns, v, is_inside);
        }
    }

    if (a.encoded.halves == nullptr)
    {
        return;
    }

    const RowScale scale(block_max(largest, maxima));
    for (int column = threadIdx.x; column < a.columns; column += 512)
    {
        a.encoded.halves[start + column] = __float2half_rn(a.y[start + column] * scale.inverse);
    }

    if (threadIdx.x == 0)
    {
        a.encoded.row_scales[row] = scale.scale;
    }
}

// Columns up to 128, 512; 2048, 4096, 8192, 16384.
KERNEL(256) norm_128(const __grid_constant__ NormArgs a) { norm_short<1>(a); }
KERNEL(256) norm_512(const __grid_constant__ NormArgs a) { norm_short<4>(a); }
KERNEL(512) norm_2048(const __grid_constant__ NormArgs a) { norm_long<1>(a); }
KERNEL(512) norm_4096(const __grid_constant__ NormArgs a) { norm_long<2>(a); }
KERNEL(512) norm_8192(const __grid_constant__ NormArgs a) { norm_long<4>(a); }
KERNEL(512) norm_16384(const __grid_constant__ NormArgs a) { norm_long<8>(a); }
