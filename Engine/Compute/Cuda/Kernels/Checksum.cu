// The checksum of memory as the card sees it: the sum over i of w + low(v) * high(v), where w is the 64-bit word number i
// and v = w ^ (Salt + i * Step), all modulo 2^64, so that the order of additions is of no consequence (MemoryChecksum.cs).
#include "Common.cuh"

using Word = unsigned long long;

constexpr Word Step = 0x9E3779B97F4A7C15ull;
constexpr Word Salt = 0xD6E8FEB86659FD93ull;

struct ChecksumArgs
{
    const uint4* source;    // 16-byte aligned: two words each
    size_t pairs;           // of words
    Word* sum;              // the checksum is added to it
};

// A word's halves come as they are loaded: only the sums take 64-bit arithmetic.
__device__ __forceinline__ Word term(uint32_t low, uint32_t high, Word key)
{
    const uint32_t low_v = low ^ static_cast<uint32_t>(key);
    const uint32_t high_v = high ^ static_cast<uint32_t>(key >> 32);
    return (static_cast<Word>(high) << 32 | low) + static_cast<Word>(low_v) * high_v;
}

KERNEL(256) checksum(const __grid_constant__ ChecksumArgs a)
{
    constexpr int Ahead = 4;
    const size_t threads = static_cast<size_t>(gridDim.x) * blockDim.x;
    const size_t thread = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    const Word stride = static_cast<Word>(threads) * (2 * Step);
    Word key = Salt + static_cast<Word>(thread) * (2 * Step);
    Word sum = 0;
    await_previous();
    for (size_t first = thread; first < a.pairs; first += threads * Ahead)
    {
        uint4 v[Ahead];
#pragma unroll
        for (int i = 0; i < Ahead; i++)
        {
            const size_t pair = first + i * threads;
            v[i] = pair < a.pairs ? load_once(a.source + pair) : uint4{0, 0, 0, 0};
        }

#pragma unroll
        for (int i = 0; i < Ahead; i++)
        {
            // What lies beyond the end was not read, and its keys must not count either.
            if (first + i * threads < a.pairs)
            {
                sum += term(v[i].x, v[i].y, key) + term(v[i].z, v[i].w, key + Step);
            }

            key += stride;
        }
    }

#pragma unroll
    for (int offset = WarpSize / 2; offset > 0; offset /= 2)
    {
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, offset);
    }

    if (threadIdx.x % WarpSize == 0)
    {
        atomicAdd(a.sum, sum);
    }
}
