// Weights of every type as the float16 factors of a product on tensor cores: 32 consecutive ones of a row ("part") from
// the file's bytes in shared memory.
#pragma once
#include "Formats.cuh"

// Largest power of two up to 16 that divides the bytes of a block: what is known of a block's address.
constexpr int block_alignment(int bytes)
{
    return bytes % 16 == 0 ? 16 : bytes % 8 == 0 ? 8 : bytes % 4 == 0 ? 4 : 2;
}

// A float32 as the sum of two float16, in both lanes of each.
struct SplitHalf
{
    __half2 high;
    __half2 low;

    __device__ __forceinline__ explicit SplitHalf(float v)
    {
        const __half h = __float2half_rn(v);
        high = __half2half2(h);
        low = __half2half2(__float2half_rn(v - __half2float(h)));
    }
};

__device__ __forceinline__ uint32_t half2_bits(__half2 v)
{
    return *reinterpret_cast<const uint32_t*>(&v);
}

__device__ __forceinline__ __half2 bits_half2(uint32_t v)
{
    return *reinterpret_cast<const __half2*>(&v);
}

// Quantized weights. A byte put below 0x4C is the float16 16 + byte / 64; minus 16 and the offset it is quant / 64
// exactly. Scales count 64 times, which keeps small ones out of float16's subnormals; they and minima are split in two,
// so that a weight is within two roundings of scale * quant - minimum. Scales beyond 1023 do not occur.
template <class TFormat>
struct MatMulWeights
{
    static constexpr int BlockElements = TFormat::Elements;
    static constexpr int BlockBytes = TFormat::Bytes;
    static constexpr int Alignment = block_alignment(TFormat::Bytes);

    // halves[i]: elements 2 i, 2 i + 1.
    __device__ static __forceinline__ void expand(const uint8_t* row, int part, uint32_t (&halves)[16])
    {
        constexpr bool Signed = TFormat::Offset == 0 && !TFormat::HasMinimum;
        constexpr uint32_t Flip = Signed ? 0x80808080u : 0;
        constexpr uint32_t Center = 0x4C00 + (Signed ? 128 : TFormat::Offset);
        const __half2 center = bits_half2(Center * 0x10001u);

        uint32_t raw[8];
        TFormat::raw32(row, part, raw);
        float scales[TFormat::Groups];
        float minima[TFormat::Groups];
        TFormat::load_scales(row, part, scales, minima);
#pragma unroll
        for (int group = 0; group < TFormat::Groups; group++)
        {
            const SplitHalf scale(64.0f * scales[group]);
            const SplitHalf minimum(-minima[group]);
#pragma unroll
            for (int i = group * TFormat::Group / 2; i < (group + 1) * TFormat::Group / 2; i++)
            {
                const uint32_t pair = __byte_perm(raw[i / 2] ^ Flip, 0x4Cu, i % 2 == 0 ? 0x4140 : 0x4342);
                const __half2 quants = __hsub2(bits_half2(pair), center);
                __half2 weights;
                if constexpr (TFormat::HasMinimum)
                {
                    weights = __hadd2(__hfma2(quants, scale.high, minimum.high), __hfma2(quants, scale.low, minimum.low));
                }
                else
                {
                    weights = __hfma2(quants, scale.high, __hmul2(quants, scale.low));
                }

                halves[i] = half2_bits(weights);
            }
        }
    }
};

// Float weights, rows 16-byte aligned (columns a multiple of 8).
struct F16
{
    static constexpr int Bytes = 2;

    __device__ static __forceinline__ void pair(const uint32_t* words, int i, uint32_t& halves)
    {
        halves = words[i];
    }

    __device__ static __forceinline__ float value(const uint8_t* p)
    {
        return load_half(p);
    }
};

// Beyond float16's range weights stop at its largest values; there are none such in models.
__device__ __forceinline__ uint32_t saturated_halves(float x, float y)
{
    const float most = 65504.0f;
    return half2_bits(__floats2half2_rn(fminf(fmaxf(x, -most), most), fminf(fmaxf(y, -most), most)));
}

struct BF16
{
    static constexpr int Bytes = 2;

    __device__ static __forceinline__ void pair(const uint32_t* words, int i, uint32_t& halves)
    {
        halves = saturated_halves(__uint_as_float(words[i] << 16), __uint_as_float(words[i] & 0xFFFF0000u));
    }

    __device__ static __forceinline__ float value(const uint8_t* p)
    {
        return __uint_as_float(load_pair(p) << 16);
    }
};

struct F32
{
    static constexpr int Bytes = 4;

    __device__ static __forceinline__ void pair(const uint32_t* words, int i, uint32_t& halves)
    {
        halves = saturated_halves(__uint_as_float(words[2 * i]), __uint_as_float(words[2 * i + 1]));
    }

    __device__ static __forceinline__ float value(const uint8_t* p)
    {
        return *reinterpret_cast<const float*>(p);
    }
};

template <class TFloat>
struct MatMulFloats
{
    static constexpr int BlockElements = 1;
    static constexpr int BlockBytes = TFloat::Bytes;
    static constexpr int Alignment = 16;

    __device__ static __forceinline__ void expand(const uint8_t* row, int part, uint32_t (&halves)[16])
    {
        uint32_t words[8 * TFloat::Bytes];
        load_words<16>(row + part * 32 * TFloat::Bytes, words);
#pragma unroll
        for (int i = 0; i < 16; i++)
        {
            TFloat::pair(words, i, halves[i]);
        }
    }
};

template <>
struct MatMulWeights<F16> : MatMulFloats<F16>
{
};

template <>
struct MatMulWeights<BF16> : MatMulFloats<BF16>
{
};

template <>
struct MatMulWeights<F32> : MatMulFloats<F32>
{
};
