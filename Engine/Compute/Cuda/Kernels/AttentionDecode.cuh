// What attention of decode rows shares between its two kernels: chunks of cells, and their merge (AttentionCombine.cu).
#pragma once
#include "Attention.cuh"

constexpr int MostSplits = 16;

struct DecodeArgs
{
    const float* q;           // [rows][query heads][head_dim]
    KvLayer cache;
    const RowState* states;   // [rows]
    float* parts;             // [rows of the launch][query heads][MostSplits][head_dim], not yet divided by the sum
    float2* part_stats;       // as parts: largest score, sum of weights
    float* y;                 // as q
    Encoded encoded;          // of y
    int query_heads;
    int group;                // query heads of a KV head
    int block_heads;          // of which a block takes this many, at most 16
    int group_blocks;         // blocks of a group
    int first_row;            // of the launch
    int stages;               // 2 to 4 key tiles under way a warp
    float scale;              // times log2(e)
};

// At most 16 chunks of 64 * n cells, none under 256.
__device__ __forceinline__ int chunk_cells(int length)
{
    const int even = (length + MostSplits - 1) / MostSplits;
    return max(256, (even + 63) / 64 * 64);
}
