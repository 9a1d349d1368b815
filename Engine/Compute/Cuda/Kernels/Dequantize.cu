// Rows of encoded weights to float32, rounded as the CPU device rounds: scale * quant, then minus the minimum.
#include "MatMulWeights.cuh"

struct DequantizeArgs
{
    const uint8_t* blocks;
    float* x;
    long long count;    // elements
};

constexpr int DequantizeThreads = 256;
constexpr int DequantizeElements = 8;    // of a thread

template <class TFormat>
__device__ __forceinline__ void dequantize(const DequantizeArgs& a)
{
    await_previous();
    const long long i = static_cast<long long>(blockIdx.x) * DequantizeThreads + threadIdx.x;
    if (i * DequantizeElements >= a.count)
    {
        return;
    }

    int quants[2];
    float scale;
    float minimum;
    TFormat::load8(a.blocks, static_cast<int>(i / 4), static_cast<int>(i % 4), quants, scale, minimum);
#pragma unroll
    for (int word = 0; word < 2; word++)
    {
        float v[4];
#pragma unroll
        for (int k = 0; k < 4; k++)
        {
            const float product = __fmul_rn(scale, static_cast<float>(static_cast<int8_t>(quants[word] >> k * 8)));
            v[k] = TFormat::HasMinimum ? __fsub_rn(product, minimum) : product;
        }

        reinterpret_cast<float4*>(a.x)[i * 2 + word] = make_float4(v[0], v[1], v[2], v[3]);
    }
}

template <class TFloat>
__device__ __forceinline__ void widen(const DequantizeArgs& a)
{
    await_previous();
    const long long first = (static_cast<long long>(blockIdx.x) * DequantizeThreads + threadIdx.x) * DequantizeElements;
    const long long end = min(first + DequantizeElements, a.count);
    for (long long i = first; i < end; i++)
    {
        a.x[i] = TFloat::value(a.blocks + i * TFloat::Bytes);
    }
}

#define DEQUANTIZE(function, type, TFormat)                                  \
    KERNEL(DequantizeThreads)                                                \
    dequantize_##type(const __grid_constant__ DequantizeArgs a)              \
    {                                                                        \
        function<TFormat>(a);                                                \
    }

DEQUANTIZE(dequantize, q4_0, Q4_0)
DEQUANTIZE(dequantize, q4_1, Q4_1)
DEQUANTIZE(dequantize, q5_0, Q5_0)
DEQUANTIZE(dequantize, q5_1, Q5_1)
DEQUANTIZE(dequantize, q8_0, Q8_0)
DEQUANTIZE(dequantize, q2_k, Q2_K)
DEQUANTIZE(dequantize, q3_k, Q3_K)
DEQUANTIZE(dequantize, q4_k, Q4_K)
DEQUANTIZE(dequantize, q5_k, Q5_K)
DEQUANTIZE(dequantize, q6_k, Q6_K)
DEQUANTIZE(dequantize, iq4_nl, IQ4_NL)
DEQUANTIZE(dequantize, iq4_xs, IQ4_XS)
DEQUANTIZE(dequantize, iq3_xxs, IQ3_XXS)
DEQUANTIZE(dequantize, iq3_s, IQ3_S)
DEQUANTIZE(widen, f16, F16)
DEQUANTIZE(widen, bf16, BF16)
DEQUANTIZE(widen, f32, F32)
