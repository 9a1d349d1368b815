// Weight formats of GGUF as kernels read them. Every format gives 32 consecutive weights of a row ("part") as int8
// quants and float scales: weight = scale * quant - minimum, a scale and minimum for each Group elements (16 or 32).
// Layouts: ggml-common.h; the CPU device's Engine/Compute/Cpu/Formats describe each in words.
// A row may lie in global or shared memory, its address modulo 16 that of the tensor: only as aligned as the format's
// block size allows inside a 32-byte aligned tensor. Of 2-byte aligned blocks whole aligned words are read, so up to two
// bytes on either side of a block.
#pragma once
#include "Common.cuh"

// Consecutive 32-bit words of which only `alignment` bytes (16, 8, 4 or 2) are known of the address.
// At `offset`, a multiple of 4 (and of the alignment of what is loaded at once), from p.
template <int alignment, int count>
__device__ __forceinline__ void load_words(const uint8_t* p, int offset, uint32_t (&words)[count])
{
    if constexpr (alignment == 16 && count % 4 == 0)
    {
#pragma unroll
        for (int i = 0; i < count; i += 4)
        {
            const uint4 v = *reinterpret_cast<const uint4*>(p + offset + i * 4);
            words[i] = v.x, words[i + 1] = v.y, words[i + 2] = v.z, words[i + 3] = v.w;
        }
    }
    else if constexpr (alignment >= 8 && count % 2 == 0)
    {
#pragma unroll
        for (int i = 0; i < count; i += 2)
        {
            const uint2 v = *reinterpret_cast<const uint2*>(p + offset + i * 4);
            words[i] = v.x, words[i + 1] = v.y;
        }
    }
    else if constexpr (alignment >= 4)
    {
#pragma unroll
        for (int i = 0; i < count; i++)
        {
            words[i] = *reinterpret_cast<const uint32_t*>(p + offset + i * 4);
        }
    }
    else
    {
        // The last word is the one that holds the last two bytes: the same as the one before where p is 4-byte aligned.
        // Both addresses are sums of what loads at other offsets of p have in common.
        const uint32_t misaligned = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(p)) & 2;
        const uint8_t* aligned = p - misaligned;
        const uint8_t* last = p + misaligned;
        uint32_t before = *reinterpret_cast<const uint32_t*>(aligned + offset);
#pragma unroll
        for (int i = 0; i < count; i++)
        {
            const uint8_t* next = (i + 1 < count ? aligned + 4 : last) + offset + i * 4;
            const uint32_t after = *reinterpret_cast<const uint32_t*>(next);
            words[i] = __funnelshift_r(before, after, misaligned * 8);
            before = after;
        }
    }
}

template <int alignment, int count>
__device__ __forceinline__ void load_words(const uint8_t* p, uint32_t (&words)[count])
{
    load_words<alignment>(p, 0, words);
}

__device__ __forceinline__ uint32_t load_pair(const uint8_t* p)
{
    return *reinterpret_cast<const uint16_t*>(p);
}

__device__ __forceinline__ float half_bits(uint32_t low)
{
    return __half2float(__ushort_as_half(static_cast<unsigned short>(low)));
}

__device__ __forceinline__ float load_half(const uint8_t* p)
{
    return half_bits(load_pair(p));
}

// Bits 0..3 become bit `to` of bytes 0..3.
template <int to>
__device__ __forceinline__ uint32_t spread_bits(uint32_t bits)
{
    return ((bits & 15u) * (0x00204081u << to)) & (0x01010101u << to);
}

// What is the same for every format. TFormat has
//   raw32(row, part, words): the 32 quants plus Offset, eight words of four int8 in element order
//   raw8(row, part, octet, words): the same for elements octet * 8 .. + 7
//   raw_pair(row, part, word, words), where HasPairs: the same for elements word * 4 .. + 3 and 16 + word * 4 .. + 3
//   scales(row, part, scale, minimum): of the part's groups; minimum is not written where there is none
// Unsigned raw quants (Offset > 0) save arithmetic where the sum of what they are multiplied with is known.
template <class TFormat, int elements, int bytes, int group, int offset, bool has_minimum>
struct Format
{
    // Of a block.
    static constexpr int Elements = elements;
    static constexpr int Bytes = bytes;

    // Elements that share a scale: 16 or 32.
    static constexpr int Group = group;
    static constexpr int Groups = 32 / group;

    static constexpr int Offset = offset;
    static constexpr bool HasMinimum = has_minimum;

    // Whether a byte holds elements i and 16 + i.
    static constexpr bool HasPairs = false;

    static constexpr int PartsPerBlock = elements / 32;

    __device__ static __forceinline__ const uint8_t* block(const uint8_t* row, int part)
    {
        return row + static_cast<size_t>(static_cast<uint32_t>(part) / PartsPerBlock) * bytes;
    }

    // The part's number in its block.
    __device__ static __forceinline__ int in_block(int part)
    {
        return part & (PartsPerBlock - 1);
    }

    // raw - Offset in each byte: bit 7 keeps borrows inside the byte.
    __device__ static __forceinline__ int to_signed(uint32_t raw)
    {
        return static_cast<int>(offset == 0 ? raw : ((raw | 0x80808080u) - offset * 0x01010101u) ^ 0x80808080u);
    }

    __device__ static __forceinline__ void load32(
        const uint8_t* row, int part, int (&quants)[8], float (&scale)[Groups], float (&minimum)[Groups])
    {
        uint32_t raw[8];
        TFormat::raw32(row, part, raw);
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            quants[i] = to_signed(raw[i]);
        }

        load_scales(row, part, scale, minimum);
    }

    // Elements octet * 8 .. + 7 of the part.
    __device__ static __forceinline__ void load8(
        const uint8_t* row, int part, int octet, int (&quants)[2], float& scale, float& minimum)
    {
        uint32_t raw[2];
        TFormat::raw8(row, part, octet, raw);
        quants[0] = to_signed(raw[0]);
        quants[1] = to_signed(raw[1]);
        float scales[Groups];
        float minima[Groups];
        load_scales(row, part, scales, minima);
        const bool second = Groups == 2 && octet >= 2;
        scale = second ? scales[Groups - 1] : scales[0];
        minimum = second ? minima[Groups - 1] : minima[0];
    }

    __device__ static __forceinline__ void load_scales(
        const uint8_t* row, int part, float (&scale)[Groups], float (&minimum)[Groups])
    {
#pragma unroll
        for (int i = 0; i < Groups; i++)
        {
            minimum[i] = 0.0f;
        }

        TFormat::scales(row, part, scale, minimum);
    }
};

#include "FormatsSmall.cuh"
#include "FormatsK.cuh"
#include "FormatsIq.cuh"
