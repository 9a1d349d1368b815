// Formats whose quants are indices of a table: IQ4_NL, IQ4_XS, IQ3_XXS, IQ3_S. Included by Formats.cuh.
#pragma once
#include "IqGrids.cuh"

// What the 16 quants of IQ4 stand for (ggml-common.h, kvalues_iq4nl), four int8 a word:
// -127 -104 -83 -65 -49 -35 -22 -10 1 13 25 38 53 69 89 113.
struct Iq4Values
{
    static constexpr uint32_t V0 = 0xBFAD9881u;
    static constexpr uint32_t V4 = 0xF6EADDCFu;
    static constexpr uint32_t V8 = 0x26190D01u;
    static constexpr uint32_t V12 = 0x71594535u;
};

// The values of the four nibbles in bits 0..15: a byte permutation looks up eight values by three bits, a second one the
// other eight, and a third picks between the two by bit 3.
__device__ __forceinline__ uint32_t iq4_values(uint32_t nibbles)
{
    const uint32_t index = nibbles & 0x7777u;
    const uint32_t lower = __byte_perm(Iq4Values::V0, Iq4Values::V4, index);
    const uint32_t upper = __byte_perm(Iq4Values::V8, Iq4Values::V12, index);
    return __byte_perm(lower, upper, (nibbles & 0x8888u) >> 1 | 0x3210u);
}

// Byte i of 16 holds the index of element i in its low nibble and of element 16 + i in its high one.
template <int alignment>
__device__ __forceinline__ void iq4_values32(const uint8_t* p, uint32_t (&raw)[8])
{
    uint32_t packed[4];
    load_words<alignment>(p, packed);
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        const uint32_t first = iq4_values(packed[i]);
        const uint32_t second = iq4_values(packed[i] >> 16);
        raw[i] = __byte_perm(first, second, 0x6420);
        raw[4 + i] = __byte_perm(first, second, 0x7531);
    }
}

template <int alignment>
__device__ __forceinline__ void iq4_values8(const uint8_t* p, int octet, uint32_t (&raw)[2])
{
    load_words<alignment>(p + octet % 2 * 8, raw);
    const int shift = octet / 2 * 4;
#pragma unroll
    for (int i = 0; i < 2; i++)
    {
        const uint32_t spread = raw[i] >> shift & 0x0F0F0F0Fu;
        const uint32_t pairs = spread | spread >> 4;
        raw[i] = iq4_values((pairs & 0xFFu) | (pairs >> 8 & 0xFF00u));
    }
}

// Of elements word * 4 .. + 3 and 16 + word * 4 .. + 3.
template <int alignment>
__device__ __forceinline__ void iq4_value_pair(const uint8_t* p, int word, uint32_t (&raw)[2])
{
    uint32_t packed[1];
    load_words<alignment>(p + word * 4, packed);
    const uint32_t first = iq4_values(packed[0]);
    const uint32_t second = iq4_values(packed[0] >> 16);
    raw[0] = __byte_perm(first, second, 0x6420);
    raw[1] = __byte_perm(first, second, 0x7531);
}

// float16 d, 16 bytes of nibbles: d * value[quant].
struct IQ4_NL : Format<IQ4_NL, 32, 18, 32, 0, false>
{
    __device__ static __forceinline__ void raw32(const uint8_t* row, int part, uint32_t (&raw)[8])
    {
        iq4_values32<2>(block(row, part) + 2, raw);
    }

    __device__ static __forceinline__ void raw8(const uint8_t* row, int part, int octet, uint32_t (&raw)[2])
    {
        iq4_values8<2>(block(row, part) + 2, octet, raw);
    }

    static constexpr bool HasPairs = true;

    __device__ static __forceinline__ void raw_pair(const uint8_t* row, int part, int word, uint32_t (&raw)[2])
    {
        iq4_value_pair<2>(block(row, part) + 2, word, raw);
    }

    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[1], float (&)[1])
    {
        scale[0] = load_half(block(row, part));
    }
};

// 0  float16 d
// 2  ushort scales_h    bit pair j: bits 4..5 of group j's scale
// 4  byte scales_l[4]   nibble j: bits 0..3 of group j's scale
// 8  byte qs[128]       16 bytes hold a group: low nibbles its elements 0..15, high nibbles 16..31
// d * (scale - 32) * value[quant]
struct IQ4_XS : Format<IQ4_XS, 256, 136, 32, 0, false>
{
    __device__ static __forceinline__ void raw32(const uint8_t* row, int part, uint32_t (&raw)[8])
    {
        iq4_values32<8>(block(row, part) + 8 + in_block(part) * 16, raw);
    }

    __device__ static __forceinline__ void raw8(const uint8_t* row, int part, int octet, uint32_t (&raw)[2])
    {
        iq4_values8<8>(block(row, part) + 8 + in_block(part) * 16, octet, raw);
    }

    static constexpr bool HasPairs = true;

    __device__ static __forceinline__ void raw_pair(const uint8_t* row, int part, int word, uint32_t (&raw)[2])
    {
        iq4_value_pair<4>(block(row, part) + 8 + in_block(part) * 16, word, raw);
    }

    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[1], float (&)[1])
    {
        uint32_t header[2];
        load_words<8>(block(row, part), header);
        const int p = in_block(part);
        const uint32_t low = header[1] >> p * 4 & 15;
        const uint32_t high = header[0] >> (16 + p * 2) & 3;
        scale[0] = half_bits(header[0]) * static_cast<float>(static_cast<int>(low | high << 4) - 32);
    }
};

// Four magnitudes with the signs of bits 0..3. No magnitude is zero, so that the two's complement never carries.
__device__ __forceinline__ uint32_t with_signs(uint32_t magnitudes, uint32_t signs)
{
    const uint32_t negative = spread_bits<0>(signs);
    return (magnitudes ^ negative * 255u) + negative;
}

//  0  float16 d
//  2  byte qs[64]    grid indices of four elements
// 66  uint sas[8]    of each group of 32: bits 0..6 the signs of elements 0..6, bits 7..13 those of 8..14, ...;
//                    the eighth of each octet makes the number of minus signs even; bits 28..31 the scale
// d / 4 * (2 * scale + 1) * sign * grid[index]
struct IQ3_XXS : Format<IQ3_XXS, 256, 98, 32, 0, false>
{
    __device__ static __forceinline__ void raw32(const uint8_t* row, int part, uint32_t (&raw)[8])
    {
        const uint8_t* b = block(row, part);
        uint32_t indices[2];
        load_words<2>(b + 2 + in_block(part) * 8, indices);
        const uint32_t sevens = signs_and_scale(b, in_block(part));
#pragma unroll
        for (int octet = 0; octet < 4; octet++)
        {
            const uint32_t signs = even_signs(sevens >> octet * 7);
            const uint32_t two = indices[octet / 2] >> octet % 2 * 16;
            raw[octet * 2] = with_signs(__ldg(iq3_xxs_grid + (two & 255)), signs);
            raw[octet * 2 + 1] = with_signs(__ldg(iq3_xxs_grid + (two >> 8 & 255)), signs >> 4);
        }
    }

    __device__ static __forceinline__ void raw8(const uint8_t* row, int part, int octet, uint32_t (&raw)[2])
    {
        const uint8_t* b = block(row, part);
        const uint32_t two = load_pair(b + 2 + in_block(part) * 8 + octet * 2);
        const uint32_t signs = even_signs(signs_and_scale(b, in_block(part)) >> octet * 7);
        raw[0] = with_signs(__ldg(iq3_xxs_grid + (two & 255)), signs);
        raw[1] = with_signs(__ldg(iq3_xxs_grid + (two >> 8)), signs >> 4);
    }

    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[1], float (&)[1])
    {
        const uint8_t* b = block(row, part);
        scale[0] = load_half(b) * (0.5f + static_cast<float>(signs_and_scale(b, in_block(part)) >> 28)) * 0.5f;
    }

private:
    __device__ static __forceinline__ uint32_t signs_and_scale(const uint8_t* b, int p)
    {
        uint32_t word[1];
        load_words<2>(b + 66 + p * 4, word);
        return word[0];
    }

    __device__ static __forceinline__ uint32_t even_signs(uint32_t seven)
    {
        const uint32_t signs = seven & 127;
        return signs | (__popc(signs) & 1) << 7;
    }
};

//   0  float16 d
//   2  byte qs[64]      bits 0..7 of the grid indices of four elements
//  66  byte qh[8]       bit i of byte j: bit 8 of index 8 j + i
//  74  byte signs[32]   bit i of byte j: the sign of element 8 j + i
// 106  byte scales[4]   nibble j: the scale of group j
// d * (2 * scale + 1) * sign * grid[index]
struct IQ3_S : Format<IQ3_S, 256, 110, 32, 0, false>
{
    __device__ static __forceinline__ void raw32(const uint8_t* row, int part, uint32_t (&raw)[8])
    {
        const uint8_t* b = block(row, part);
        const int p = in_block(part);
        uint32_t indices[2];
        load_words<2>(b + 2 + p * 8, indices);
        const uint32_t high = b[66 + p];
        uint32_t signs[1];
        load_words<2>(b + 74 + p * 4, signs);
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            const uint32_t index = (indices[i / 4] >> i % 4 * 8 & 255) | (high >> i & 1) << 8;
            raw[i] = with_signs(__ldg(iq3_s_grid + index), signs[0] >> i * 4);
        }
    }

    __device__ static __forceinline__ void raw8(const uint8_t* row, int part, int octet, uint32_t (&raw)[2])
    {
        const uint8_t* b = block(row, part);
        const int p = in_block(part);
        const uint32_t two = load_pair(b + 2 + p * 8 + octet * 2);
        const uint32_t high = static_cast<uint32_t>(b[66 + p]) >> octet * 2;
        const uint32_t signs = b[74 + p * 4 + octet];
        raw[0] = with_signs(__ldg(iq3_s_grid + ((two & 255) | (high & 1) << 8)), signs);
        raw[1] = with_signs(__ldg(iq3_s_grid + (two >> 8 | (high & 2) << 7)), signs >> 4);
    }

    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[1], float (&)[1])
    {
        const uint8_t* b = block(row, part);
        const int p = in_block(part);
        const uint32_t nibble = static_cast<uint32_t>(b[106 + p / 2]) >> p % 2 * 4 & 15;
        scale[0] = load_half(b) * static_cast<float>(1 + 2 * nibble);
    }
};
