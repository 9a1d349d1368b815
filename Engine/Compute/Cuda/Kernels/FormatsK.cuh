// Formats with a block of 256 weights and scaled scales: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K. Included by Formats.cuh.
#pragma once

// Words that hold several parts' bits at different places of the same bytes: the bits at `shift`. The words lie at
// `offset`, a multiple of 4, in block b.
template <int alignment, int count>
__device__ __forceinline__ void load_bits(const uint8_t* b, int offset, int shift, uint32_t mask, uint32_t (&raw)[count])
{
    load_words<alignment>(b, offset, raw);
#pragma unroll
    for (int i = 0; i < count; i++)
    {
        raw[i] = raw[i] >> shift & mask;
    }
}

// The same, put at bit `to` of what is there. One rotation does: what it brings in from another byte is masked away.
template <int alignment, int to, int count>
__device__ __forceinline__ void add_bits(const uint8_t* b, int offset, int shift, uint32_t mask, uint32_t (&raw)[count])
{
    uint32_t high[count];
    load_words<alignment>(b, offset, high);
#pragma unroll
    for (int i = 0; i < count; i++)
    {
        raw[i] |= __funnelshift_l(high[i], high[i], to - shift) & mask << to;
    }
}

// Any number of words of a part from the `word`th on.
template <class TFormat>
struct BitPlanes
{
    __device__ static __forceinline__ void raw32(const uint8_t* row, int part, uint32_t (&raw)[8])
    {
        TFormat::bits(TFormat::block(row, part), TFormat::in_block(part), 0, raw);
    }

    __device__ static __forceinline__ void raw8(const uint8_t* row, int part, int octet, uint32_t (&raw)[2])
    {
        TFormat::bits(TFormat::block(row, part), TFormat::in_block(part), octet * 2, raw);
    }

    __device__ static __forceinline__ uint32_t raw4(const uint8_t* row, int part, int word)
    {
        uint32_t raw[1];
        TFormat::bits(TFormat::block(row, part), TFormat::in_block(part), word, raw);
        return raw[0];
    }
};

//  0  byte scales[16]   of each group of 16: scale in the low nibble, min in the high one
// 16  byte qs[64]       32 bytes hold 128 elements: bits 0..1 the first 32, bits 2..3 the next, ...
// 80  float16 d, dmin
struct Q2_K : Format<Q2_K, 256, 84, 16, 0, true>, BitPlanes<Q2_K>
{
    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[2], float (&minimum)[2])
    {
        const uint8_t* b = block(row, part);
        const uint32_t packed = load_pair(b + in_block(part) * 2);
        uint32_t dm[1];
        load_words<4>(b + 80, dm);
        const float d = half_bits(dm[0]);
        const float dmin = half_bits(dm[0] >> 16);
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            scale[i] = d * static_cast<float>(packed >> i * 8 & 15);
            minimum[i] = dmin * static_cast<float>(packed >> (i * 8 + 4) & 15);
        }
    }

    template <int count>
    __device__ static __forceinline__ void bits(const uint8_t* b, int p, int word, uint32_t (&raw)[count])
    {
        load_bits<4>(b, 16 + (p & 4) * 8 + word * 4, p % 4 * 2, 0x03030303u, raw);
    }
};

//   0  byte hmask[32]    bit j of byte i: bit 2 of element 32 j + i
//  32  byte qs[64]       32 bytes hold 128 elements: bits 0..1 the first 32, bits 2..3 the next, ...
//  96  byte scales[12]   6 bits a group of 16: nibbles of bytes 0..7 low (groups 0..7, then 8..15),
//                        bit pairs of bytes 8..11 high (pair 0: groups 0..3, pair 1: 4..7, ...)
// 108  float16 d         d * (scale - 32) * (quant - 4)
struct Q3_K : Format<Q3_K, 256, 110, 16, 4, false>, BitPlanes<Q3_K>
{
    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[2], float (&)[2])
    {
        const uint8_t* b = block(row, part);
        const int p = in_block(part);
        const uint32_t low = load_pair(b + 96 + p % 4 * 2) >> p / 4 * 4 & 0x0F0Fu;
        const uint32_t high = load_pair(b + 104 + p % 2 * 2) >> p / 2 * 2 & 0x0303u;
        const uint32_t packed = low | high << 4;
        const float d = load_half(b + 108);
        scale[0] = d * static_cast<float>(static_cast<int>(packed & 63) - 32);
        scale[1] = d * static_cast<float>(static_cast<int>(packed >> 8) - 32);
    }

    template <int count>
    __device__ static __forceinline__ void bits(const uint8_t* b, int p, int word, uint32_t (&raw)[count])
    {
        load_bits<2>(b, 32 + (p & 4) * 8 + word * 4, p % 4 * 2, 0x03030303u, raw);
        add_bits<2, 2>(b, word * 4, p, 0x01010101u, raw);
    }
};

// The header of Q4_K and Q5_K: float16 d, dmin, then 6 bits for each of eight groups' scale and min in 12 bytes. Byte j,
// j in 0..3, has scale j and above it bits 4..5 of scale j + 4; byte 4 + j the same of the mins; byte 8 + j the low
// nibbles of scale j + 4 and of min j + 4.
__device__ __forceinline__ void scaled_group(const uint8_t* b, int p, float& scale, float& minimum)
{
    uint32_t header[4];
    load_words<16>(b, header);

    // Without branches: lanes of a warp have both halves.
    const bool upper = (p & 4) != 0;
    const uint32_t low = upper ? 0x0F0F0F0Fu : 0x3F3F3F3Fu;
    const uint32_t top = upper ? 0x30303030u : 0;
    const uint32_t four_scales = ((upper ? header[3] : header[1]) & low) | (header[1] >> 2 & top);
    const uint32_t four_minima = ((upper ? header[3] : header[2]) >> (upper ? 4 : 0) & low) | (header[2] >> 2 & top);
    const int shift = p % 4 * 8;
    scale = half_bits(header[0]) * static_cast<float>(four_scales >> shift & 0xFF);
    minimum = half_bits(header[0] >> 16) * static_cast<float>(four_minima >> shift & 0xFF);
}

//  0  float16 d, dmin
//  4  byte scales[12]
// 16  byte qs[128]      32 bytes hold 64 elements: low nibbles the first 32, high nibbles the next
struct Q4_K : Format<Q4_K, 256, 144, 32, 0, true>, BitPlanes<Q4_K>
{
    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[1], float (&minimum)[1])
    {
        scaled_group(block(row, part), in_block(part), scale[0], minimum[0]);
    }

    template <int count>
    __device__ static __forceinline__ void bits(const uint8_t* b, int p, int word, uint32_t (&raw)[count])
    {
        load_bits<16>(b, 16 + (p & 6) * 16 + word * 4, p % 2 * 4, 0x0F0F0F0Fu, raw);
    }
};

//  0  float16 d, dmin
//  4  byte scales[12]
// 16  byte qh[32]       bit j of byte i: bit 4 of element 32 j + i
// 48  byte qs[128]      32 bytes hold 64 elements: low nibbles the first 32, high nibbles the next
struct Q5_K : Format<Q5_K, 256, 176, 32, 0, true>, BitPlanes<Q5_K>
{
    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[1], float (&minimum)[1])
    {
        scaled_group(block(row, part), in_block(part), scale[0], minimum[0]);
    }

    template <int count>
    __device__ static __forceinline__ void bits(const uint8_t* b, int p, int word, uint32_t (&raw)[count])
    {
        load_bits<16>(b, 48 + (p & 6) * 16 + word * 4, p % 2 * 4, 0x0F0F0F0Fu, raw);
        add_bits<16, 4>(b, 16 + word * 4, p, 0x01010101u, raw);
    }
};

//   0  byte ql[128]       64 bytes hold the low 4 bits of 128 elements: low nibbles the first 64, high nibbles the next
// 128  byte qh[64]        32 bytes hold the high 2 bits of 128 elements: bits 0..1 the first 32, bits 2..3 the next, ...
// 192  sbyte scales[16]   of groups of 16
// 208  float16 d          d * scale * (quant - 32)
struct Q6_K : Format<Q6_K, 256, 210, 16, 32, false>, BitPlanes<Q6_K>
{
    __device__ static __forceinline__ void scales(const uint8_t* row, int part, float (&scale)[2], float (&)[2])
    {
        const uint8_t* b = block(row, part);
        const uint32_t packed = load_pair(b + 192 + in_block(part) * 2);
        const float d = load_half(b + 208);
        scale[0] = d * static_cast<float>(static_cast<int8_t>(packed & 0xFF));
        scale[1] = d * static_cast<float>(static_cast<int8_t>(packed >> 8));
    }

    template <int count>
    __device__ static __forceinline__ void bits(const uint8_t* b, int p, int word, uint32_t (&raw)[count])
    {
        load_bits<2>(b, (p & 4) * 16 + (p & 1) * 32 + word * 4, p % 4 / 2 * 4, 0x0F0F0F0Fu, raw);
        add_bits<2, 4>(b, 128 + (p & 4) * 8 + word * 4, p % 4 * 2, 0x03030303u, raw);
    }
};
