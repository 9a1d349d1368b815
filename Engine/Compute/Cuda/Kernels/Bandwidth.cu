// Reads memory as fast as it can be read: what products of weights are measured against.
#include "Common.cuh"

struct BandwidthArgs
{
    const uint4* source;    // 16-byte aligned
    size_t words;           // of 16 bytes
    uint32_t* sink;         // the sum of all 32-bit words is added to it, so that every read counts and can be checked
};

KERNEL(256) read_bandwidth(const __grid_constant__ BandwidthArgs a)
{
    constexpr int Ahead = 8;
    const size_t threads = static_cast<size_t>(gridDim.x) * blockDim.x;
    const size_t thread = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    uint32_t sum = 0;
    await_previous();
    for (size_t first = thread; first < a.words; first += threads * Ahead)
    {
        uint4 v[Ahead];
#pragma unroll
        for (int i = 0; i < Ahead; i++)
        {
            const size_t word = first + i * threads;
            v[i] = word < a.words ? load_once(a.source + word) : uint4{0, 0, 0, 0};
        }

#pragma unroll
        for (int i = 0; i < Ahead; i++)
        {
            sum += v[i].x + v[i].y + v[i].z + v[i].w;
        }
    }

    sum = static_cast<uint32_t>(warp_sum(static_cast<int>(sum)));
    if (threadIdx.x % WarpSize == 0)
    {
        atomicAdd(a.sink, sum);
    }
}
