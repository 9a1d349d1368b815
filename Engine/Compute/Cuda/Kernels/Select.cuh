// Ranks of elements, and the search for the rank that exactly k of n reach.
#pragma once
#include "Common.cuh"

using Rank = unsigned long long;

// NaN counts as -infinity, -0 as 0.
__device__ __forceinline__ Rank rank_of(float v, int column)
{
    v = v == 0.0f ? 0.0f : v;
    const uint32_t bits = v != v ? 0xFF800000u : __float_as_uint(v);
    const uint32_t ordered = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
    return static_cast<Rank>(ordered) << 32 | ~static_cast<uint32_t>(column);
}

__device__ __forceinline__ int column_of(Rank rank)
{
    return static_cast<int>(~static_cast<uint32_t>(rank));
}

__device__ __forceinline__ float value_of(Rank rank)
{
    const uint32_t ordered = static_cast<uint32_t>(rank >> 32);
    return __uint_as_float((ordered & 0x80000000u) != 0 ? ordered & 0x7FFFFFFFu : ~ordered);
}

// A slice of a row, or what slices found.
struct RowRanks
{
    const float* x;
    int first;

    __device__ __forceinline__ Rank operator()(int i) const
    {
        return rank_of(x[i], first + i);
    }
};

struct CandidateRanks
{
    const Rank* candidates;

    __device__ __forceinline__ Rank operator()(int i) const
    {
        return candidates[i];
    }
};

// Logits share few leading digits: eight counters a bucket keep a warp's additions from queueing at one.
constexpr int Digits = 256;
constexpr int Copies = 8;

struct SelectShared
{
    __align__(16) int counts[Digits * Copies];
    int warp_totals[Digits / WarpSize];
    int bucket;
    int before;
    int inside;
    int taken;
};

// Visits n ranks, each by one thread; eight loads at a time, since visits write where the compiler must suspect ranks.
template <int threads, class Ranks, class Visit>
__device__ __forceinline__ void for_each(const Ranks& ranks, int n, const Visit& visit)
{
    constexpr int Together = 8;
    for (int first = threadIdx.x; first < n; first += Together * threads)
    {
        Rank rank[Together];
#pragma unroll
        for (int i = 0; i < Together; i++)
        {
            rank[i] = first + i * threads < n ? ranks(first + i * threads) : 0;
        }

#pragma unroll
        for (int i = 0; i < Together; i++)
        {
            if (first + i * threads < n)
            {
                visit(rank[i]);
            }
        }
    }
}

// The rank that exactly k of n ranks reach, 1 <= k <= n; 8 bits at a time from the top, until all of a bucket is wanted.
template <int threads, class Ranks>
__device__ __forceinline__ Rank select_rank(SelectShared& shared, const Ranks& ranks, int n, int k)
{
    const int lane = threadIdx.x % WarpSize;
    Rank prefix = 0;
    int shift = 64;
    while (true)
    {
        shift -= 8;
        for (int i = threadIdx.x; i < Digits * Copies; i += threads)
        {
            shared.counts[i] = 0;
        }

        __syncthreads();
        for_each<threads>(
            ranks,
            n,
            [&](Rank rank)
            {
                if (shift == 56 || rank >> (shift + 8) == prefix)
                {
                    atomicAdd(&shared.counts[static_cast<int>(rank >> shift & 0xFF) * Copies + lane % Copies], 1);
                }
            });

        __syncthreads();
        // Thread t has the bucket with t larger ones.
        const int bucket = Digits - 1 - static_cast<int>(threadIdx.x);
        int total = 0;
        int reached = 0;
        if (bucket >= 0)
        {
            const int4 low = *reinterpret_cast<const int4*>(&shared.counts[bucket * Copies]);
            const int4 high = *reinterpret_cast<const int4*>(&shared.counts[bucket * Copies + 4]);
            total = low.x + low.y + low.z + low.w + high.x + high.y + high.z + high.w;
            reached = total;
#pragma unroll
            for (int offset = 1; offset < WarpSize; offset *= 2)
            {
                const int other = __shfl_up_sync(0xFFFFFFFFu, reached, offset);
                reached += lane >= offset ? other : 0;
            }

            if (lane == WarpSize - 1)
            {
                shared.warp_totals[threadIdx.x / WarpSize] = reached;
            }
        }

        __syncthreads();
        if (bucket >= 0)
        {
            for (int w = 0; w < static_cast<int>(threadIdx.x) / WarpSize; w++)
            {
                reached += shared.warp_totals[w];
            }

            if (reached >= k && reached - total < k)
            {
                shared.bucket = bucket;
                shared.before = reached - total;
                shared.inside = total;
            }
        }

        __syncthreads();
        prefix = prefix << 8 | static_cast<Rank>(shared.bucket);
        k -= shared.before;
        if (shared.inside == k || shift == 0)
        {
            return prefix << shift;
        }
    }
}
