// The k largest values of each row. Every element has a rank, its value's order and then its column's, so ranks are
// distinct and "largest first, ties to the smaller column" is one integer comparison. Slices of a row are searched by a
// block each; a second kernel searches what they found and sorts.
#include "Select.cuh"

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
    for_each<SliceThreads>(
        ranks,
        n,
        [&](Rank rank)
        {
            if (rank >= least)
            {
                candidates[atomicAdd(&shared.taken, 1)] = rank;
            }
        });
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
    for_each<MergeThreads>(
        ranks,
        n,
        [&](Rank rank)
        {
            if (rank >= least)
            {
                sorted[atomicAdd(&shared.taken, 1)] = rank;
            }
        });

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
