// Formats with a block of 32 weights: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0. Included by Formats.cuh.
#pragma once

// 4 bits: byte i of 16 holds element i in its low nibble and element 16 + i in its high one.
template <int alignment>
__device__ __forceinline__ void nibbles32(const uint8_t* p, uint32_t (&raw)[8])
{
    uint32_t packed[4];
    load_words<alignment>(p, packed);
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        raw[i] = packed[i] & 0x0F0F0F0Fu;
        raw[4 + i] = packed[i] >> 4 & 0x0F0F0F0Fu;
    }
}

template <int alignment>
__device__ __forceinline__ void nibbles8(const uint8_t* p, int octet, uint32_t (&raw)[2])
{
    load_words<alignment>(p + octet % 2 * 8, raw);
    const int shift = octet / 2 * 4;
    raw[0] = raw[0] >> shift & 0x0F0F0F0Fu;
    raw[1] = raw[1] >> shift & 0x0F0F0F0Fu;
}

// Elements word * 4 .. + 3 and 16 + word * 4 .. + 3.
template <int alignment>
__device__ __forceinline__ void nibble_pair(const uint8_t* p, int word, uint32_t (&raw)[2])
{
    uint32_t packed[1];
    load_words<alignment>(p + word * 4, packed);
    raw[0] = packed[0] & 0x0F0F0F0Fu;
    raw[1] = packed[0] >> 4 & 0x0F0F0F0Fu;
}

// float16 d, 16 bytes of nibbles: d * (quant - 8).
struct Q4_0 : Format<Q4_0, 32, 18, 32, 8, false>
{
    __device__ static __forceinline__ void raw32(const uint8_t* row, int part, uint32_t (&raw)[8])
    {
        nibbles32<2>(block(row, part) + 2, raw);
    }

    __device__ static __forceinline__ void raw8(const uint8_t* row, int part, int octet, uint32_t (&raw)[2])
    {
        nibbles8<2>(block(row, part) + 2, octet, raw);
    }

    static constexpr bool HasPairs = true;

    __device__ static __forceinline__ void raw_pair(const uint8_t* row, int part, int word, uint32_t (&raw)[2])
    {
        nibble_pair<2>(block(row, part) + 2, word, raw);
    }

    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[1], float (&)[1])
    {
        scale[0] = load_half(block(row, part));
    }
};

// float16 d, m, 16 bytes of nibbles: d * quant + m.
struct Q4_1 : Format<Q4_1, 32, 20, 32, 0, true>
{
    __device__ static __forceinline__ void raw32(const uint8_t* row, int part, uint32_t (&raw)[8])
    {
        nibbles32<4>(block(row, part) + 4, raw);
    }

    __device__ static __forceinline__ void raw8(const uint8_t* row, int part, int octet, uint32_t (&raw)[2])
    {
        nibbles8<4>(block(row, part) + 4, octet, raw);
    }

    static constexpr bool HasPairs = true;

    __device__ static __forceinline__ void raw_pair(const uint8_t* row, int part, int word, uint32_t (&raw)[2])
    {
        nibble_pair<4>(block(row, part) + 4, word, raw);
    }

    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[1], float (&minimum)[1])
    {
        uint32_t dm[1];
        load_words<4>(block(row, part), dm);
        scale[0] = half_bits(dm[0]);
        minimum[0] = -half_bits(dm[0] >> 16);
    }
};

// Bit i of `high` is bit 4 of element i.
__device__ __forceinline__ void add_fifth_bits(uint32_t high, uint32_t (&raw)[8])
{
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
        raw[i] |= spread_bits<4>(high >> i * 4);
    }
}

__device__ __forceinline__ void add_fifth_bits(uint32_t high, int octet, uint32_t (&raw)[2])
{
    raw[0] |= spread_bits<4>(high >> octet * 8);
    raw[1] |= spread_bits<4>(high >> (octet * 8 + 4));
}

__device__ __forceinline__ void add_fifth_bit_pair(uint32_t high, int word, uint32_t (&raw)[2])
{
    raw[0] |= spread_bits<4>(high >> word * 4);
    raw[1] |= spread_bits<4>(high >> (word * 4 + 16));
}

// float16 d, 32 high bits, 16 bytes of nibbles: d * (quant - 16).
struct Q5_0 : Format<Q5_0, 32, 22, 32, 16, false>
{
    __device__ static __forceinline__ void raw32(const uint8_t* row, int part, uint32_t (&raw)[8])
    {
        uint32_t high[1];
        load_words<2>(block(row, part) + 2, high);
        nibbles32<2>(block(row, part) + 6, raw);
        add_fifth_bits(high[0], raw);
    }

    __device__ static __forceinline__ void raw8(const uint8_t* row, int part, int octet, uint32_t (&raw)[2])
    {
        uint32_t high[1];
        load_words<2>(block(row, part) + 2, high);
        nibbles8<2>(block(row, part) + 6, octet, raw);
        add_fifth_bits(high[0], octet, raw);
    }

    static constexpr bool HasPairs = true;

    __device__ static __forceinline__ void raw_pair(const uint8_t* row, int part, int word, uint32_t (&raw)[2])
    {
        uint32_t high[1];
        load_words<2>(block(row, part) + 2, high);
        nibble_pair<2>(block(row, part) + 6, word, raw);
        add_fifth_bit_pair(high[0], word, raw);
    }

    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[1], float (&)[1])
    {
        scale[0] = load_half(block(row, part));
    }
};

// float16 d, m, 32 high bits, 16 bytes of nibbles: d * quant + m.
struct Q5_1 : Format<Q5_1, 32, 24, 32, 0, true>
{
    __device__ static __forceinline__ void raw32(const uint8_t* row, int part, uint32_t (&raw)[8])
    {
        uint32_t high[1];
        load_words<4>(block(row, part) + 4, high);
        nibbles32<8>(block(row, part) + 8, raw);
        add_fifth_bits(high[0], raw);
    }

    __device__ static __forceinline__ void raw8(const uint8_t* row, int part, int octet, uint32_t (&raw)[2])
    {
        uint32_t high[1];
        load_words<4>(block(row, part) + 4, high);
        nibbles8<8>(block(row, part) + 8, octet, raw);
        add_fifth_bits(high[0], octet, raw);
    }

    static constexpr bool HasPairs = true;

    __device__ static __forceinline__ void raw_pair(const uint8_t* row, int part, int word, uint32_t (&raw)[2])
    {
        uint32_t high[1];
        load_words<4>(block(row, part) + 4, high);
        nibble_pair<4>(block(row, part) + 8, word, raw);
        add_fifth_bit_pair(high[0], word, raw);
    }

    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[1], float (&minimum)[1])
    {
        uint32_t dm[1];
        load_words<4>(block(row, part), dm);
        scale[0] = half_bits(dm[0]);
        minimum[0] = -half_bits(dm[0] >> 16);
    }
};

// float16 d, 32 int8: d * quant.
struct Q8_0 : Format<Q8_0, 32, 34, 32, 0, false>
{
    __device__ static __forceinline__ void raw32(const uint8_t* row, int part, uint32_t (&raw)[8])
    {
        load_words<2>(block(row, part) + 2, raw);
    }

    __device__ static __forceinline__ void raw8(const uint8_t* row, int part, int octet, uint32_t (&raw)[2])
    {
        load_words<2>(block(row, part) + 2 + octet * 8, raw);
    }

    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[1], float (&)[1])
    {
        scale[0] = load_half(block(row, part));
    }
};
