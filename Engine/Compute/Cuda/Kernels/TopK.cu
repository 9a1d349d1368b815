// The k largest values of each row. Every element has a rank, its value's order and then its column's, so ranks are
// distinct and "largest first, ties to the smaller column" is one integer comparison. Slices of a row are searched by a
// block each; a second kernel searches what they found and sorts.
#include "Common.cuh"

using Rank = unsigned long long;

struct TopKArgs
{
    const float* x;    // [rows][stride]
    Rank* candidates;  // [rows][slices][k]
    int* ids;          // [rows][k]
    float* values;     // [rows][k]
    int stride;
    int columns;       // that are looked at
    int k;             // at most MostK
    int slices;
    int slice_columns;
};

constexpr int MostK = 512;
constexpr int SliceThreads = 256;
constexpr int MergeThreads = 512;

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
#pragma unroll 4
        for (int i = threadIdx.x; i < n; i += threads)
        {
            const Rank rank = ranks(i);
            if (shift == 56 || rank >> (shift + 8) == prefix)
            {
                atomicAdd(&shared.counts[static_cast<int>(rank >> shift & 0xFF) * Copies + lane % Copies], 1);
            }
        }

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

// Grid: slices, rows. The slice's k largest, in any order; zeros, below every rank, where it has fewer columns.
KERNEL(SliceThreads) topk_slices(const __grid_constant__ TopKArgs a)
{
    __shared__ SelectShared shared;
    await_previous();
    release_next();
    const int first = blockIdx.x * a.slice_columns;
    const int n = min(a.slice_columns, a.columns - first);
    const RowRanks ranks{a.x + static_cast<size_t>(blockIdx.y) * a.stride + first, first};
    Rank* candidates = a.candidates + (static_cast<size_t>(blockIdx.y) * a.slices + blockIdx.x) * a.k;
    if (n <= a.k)
    {
        for (int i = threadIdx.x; i < a.k; i += SliceThreads)
        {
            candidates[i] = i < n ? ranks(i) : 0;
        }

        return;
    }

    if (threadIdx.x == 0)
    {
        shared.taken = 0;
    }

    const Rank least = select_rank<SliceThreads>(shared, ranks, n, a.k);
#pragma unroll 4
    for (int i = threadIdx.x; i < n; i += SliceThreads)
    {
        const Rank rank = ranks(i);
        if (rank >= least)
        {
            candidates[atomicAdd(&shared.taken, 1)] = rank;
        }
    }
}

// Grid: rows. The k largest of all slices' candidates, sorted (bitonic network, descending).
KERNEL(MergeThreads) topk_merge(const __grid_constant__ TopKArgs a)
{
    __shared__ SelectShared shared;
    __shared__ Rank sorted[MostK];
    await_previous();
    release_next();
    const CandidateRanks ranks{a.candidates + static_cast<size_t>(blockIdx.x) * a.slices * a.k};
    const int n = a.slices * a.k;
    if (threadIdx.x == 0)
    {
        shared.taken = 0;
    }

    for (int i = threadIdx.x; i < MostK; i += MergeThreads)
    {
        sorted[i] = 0;
    }

    const Rank least = select_rank<MergeThreads>(shared, ranks, n, a.k);
    for (int i = threadIdx.x; i < n; i += MergeThreads)
    {
        const Rank rank = ranks(i);
        if (rank >= least)
        {
            sorted[atomicAdd(&shared.taken, 1)] = rank;
        }
    }

    __syncthreads();
    for (int run = 2; run < 2 * a.k; run *= 2)
    {
        for (int distance = run / 2; distance > 0; distance /= 2)
        {
            const int i = threadIdx.x;
            const int other = i ^ distance;
            if (other > i && i < MostK)
            {
                const Rank x = sorted[i];
                const Rank y = sorted[other];
                if ((i & run) == 0 ? x < y : x > y)
                {
                    sorted[i] = y;
                    sorted[other] = x;
                }
            }

            __syncthreads();
        }
    }

    for (int i = threadIdx.x; i < a.k; i += MergeThreads)
    {
        const size_t at = static_cast<size_t>(blockIdx.x) * a.k + i;
        a.ids[at] = column_of(sorted[i]);
        a.values[at] = value_of(sorted[i]);
    }
}

__device__ __forceinline__ Rank warp_largest(Rank rank)
{
#pragma unroll
    for (int offset = WarpSize / 2; offset > 0; offset /= 2)
    {
        const Rank other = __shfl_xor_sync(0xFFFFFFFFu, rank, offset);
        rank = other > rank ? other : rank;
    }

    return rank;
}

// k = 1. Grid: slices, rows.
KERNEL(SliceThreads) argmax_slices(const __grid_constant__ TopKArgs a)
{
    __shared__ Rank partial[SliceThreads / WarpSize];
    await_previous();
    release_next();
    const int first = blockIdx.x * a.slice_columns;
    const int n = min(a.slice_columns, a.columns - first);
    const RowRanks ranks{a.x + static_cast<size_t>(blockIdx.y) * a.stride + first, first};
    Rank largest = 0;
#pragma unroll 8
    for (int i = threadIdx.x; i < n; i += SliceThreads)
    {
        const Rank rank = ranks(i);
        largest = rank > largest ? rank : largest;
    }

    largest = warp_largest(largest);
    if (threadIdx.x % WarpSize == 0)
    {
        partial[threadIdx.x / WarpSize] = largest;
    }

    __syncthreads();
    if (threadIdx.x < WarpSize)
    {
        largest = warp_largest(threadIdx.x < SliceThreads / WarpSize ? partial[threadIdx.x] : 0);
        if (threadIdx.x == 0)
        {
            a.candidates[static_cast<size_t>(blockIdx.y) * a.slices + blockIdx.x] = largest;
        }
    }
}

// Grid: rows.
KERNEL(WarpSize) argmax_merge(const __grid_constant__ TopKArgs a)
{
    await_previous();
    release_next();
    Rank largest = 0;
    for (int i = threadIdx.x; i < a.slices; i += WarpSize)
    {
        const Rank rank = a.candidates[static_cast<size_t>(blockIdx.x) * a.slices + i];
        largest = rank > largest ? rank : largest;
    }

    largest = warp_largest(largest);
    if (threadIdx.x == 0)
    {
        a.ids[blockIdx.x] = column_of(largest);
        a.values[blockIdx.x] = value_of(largest);
    }
}
