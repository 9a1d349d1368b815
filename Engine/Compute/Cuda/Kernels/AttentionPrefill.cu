// Causal attention of prompt rows on tensor cores. A block takes a tile of consecutive rows of one sequence for some
// query heads of one KV head, rows times heads side by side as the matrix's rows. Keys come in tiles aligned at the
// sequence's position 0 and masked keys add exact zeros, so a row's bits do not depend on how its prompt was cut.
#include "Attention.cuh"

// Consecutive rows of one sequence.
struct PrefillTile
{
    int first_row;
    int row_count;
    int first_cell;      // the KV pool's cell of the sequence's position 0
    int first_position;  // of first_row
};

struct PrefillArgs
{
    const float* q;            // [rows][query heads][head_dim]
    float* y;                  // as q
    KvLayer cache;
    const PrefillTile* tiles;
    int query_heads;
    int group;                 // query heads of a KV head
    int block_heads;           // of which a block takes this many, at most 16
    int group_blocks;          // blocks of a group
    float scale;               // times log2(e)
};

// Keys [Keys][Pitch], then values, from position `first` on; zeros after position `last`.
template <int Dim, int Keys, int Threads>
__device__ __forceinline__ void copy_keys(
    __half* shared, const __half* keys, const __half* values, int head_dim, int first, int last)
{
    constexpr int Chunks = Dim / 8;
#pragma unroll
    for (int i = 0; i < Keys * Chunks / Threads; i++)
    {
        const int row = (i * Threads + threadIdx.x) / Chunks;
        const int column = (i * Threads + threadIdx.x) % Chunks * 8;
        const bool is_inside = first + row <= last;
        const size_t source = static_cast<size_t>(is_inside ? first + row : last) * head_dim + column;
        if (column < head_dim)
        {
            copy_async(shared + row * Pitch<Dim> + column, keys + source, is_inside);
            copy_async(shared + (Keys + row) * Pitch<Dim> + column, values + source, is_inside);
        }
    }
}

// Shared memory: two stages of Keys keys and values. The queries, [16 * Warps][Pitch], start in the second stage and move
// to registers; where those do not suffice (HoldsQueries false) they stay in memory of their own after the stages.
template <int Dim, int Warps, int Keys, bool HoldsQueries>
__device__ __forceinline__ void attend_tile(const PrefillArgs& a)
{
    constexpr int Threads = Warps * WarpSize;
    constexpr int StageHalves = 2 * Keys * Pitch<Dim>;
    static_assert(Keys * Dim / 8 % Threads == 0);
    static_assert(!HoldsQueries || 16 * Warps * Pitch<Dim> <= StageHalves);
    DYNAMIC_SHARED(shared);
    __half* stages = reinterpret_cast<__half*>(shared);
    __half* queries = stages + (HoldsQueries ? StageHalves : 2 * StageHalves);
    const int lane = threadIdx.x % WarpSize;
    const int warp = threadIdx.x / WarpSize;
    const int g = lane / 4;

    await_previous();
    release_next();
    // The last tiles have the most keys: they start first.
    const PrefillTile tile = a.tiles[gridDim.y - 1 - blockIdx.y];
    const int head_dim = a.cache.head_dim;
    const int kv_head = blockIdx.x / a.group_blocks;
    const int first_head = blockIdx.x % a.group_blocks * a.block_heads;
    const int heads = min(a.block_heads, a.group - first_head);
    const int query_head = kv_head * a.group + first_head;
    const int last = tile.first_position + tile.row_count - 1;
    const int key_tiles = last / Keys + 1;
    const size_t base = (static_cast<size_t>(kv_head) * a.cache.tokens + tile.first_cell) * head_dim;
    const __half* keys = a.cache.keys + base;
    const __half* values = a.cache.values + base;

    copy_keys<Dim, Keys, Threads>(stages, keys, values, head_dim, 0, last);
    commit_copies();
    // Dimensions that only pad are zero in queries, keys and values; queries and keys share columns, so in the second
    // stage the queries' zeros stay.
    for (int i = threadIdx.x; i < (HoldsQueries ? 1 : 2) * 2 * Keys * (Dim - head_dim); i += Threads)
    {
        stages[i / (Dim - head_dim) * Pitch<Dim> + head_dim + i % (Dim - head_dim)] = __float2half_rn(0.0f);
    }

    for (int i = threadIdx.x; i < 16 * Warps * Dim / 4; i += Threads)
    {
        const int m = i / (Dim / 4);
        const int d = i % (Dim / 4) * 4;
        const int row = m / a.block_heads;
        const int head = m % a.block_heads;
        float4 v = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        if (row < tile.row_count && head < heads && d < head_dim)
        {
            v = *reinterpret_cast<const float4*>(
                a.q + (static_cast<size_t>(tile.first_row + row) * a.query_heads + query_head + head) * head_dim + d);
        }

        uint2 packed;
        packed.x = pack_halves(v.x * a.scale, v.y * a.scale);
        packed.y = pack_halves(v.z * a.scale, v.w * a.scale);
        *reinterpret_cast<uint2*>(queries + m * Pitch<Dim> + d) = packed;
    }

    __syncthreads();
    const __half* own_queries = queries + 16 * warp * Pitch<Dim>;
    uint32_t held[HoldsQueries ? Dim / 16 : 1][4];
    if (HoldsQueries)
    {
#pragma unroll
        for (int d = 0; d < (HoldsQueries ? Dim : 16); d += 16)
        {
            load_matrices(held[d / 16], query_tile<Dim>(own_queries, d));
        }
    }

    const int position[2] = {
        tile.first_position + (16 * warp + g) / a.block_heads, tile.first_position + (16 * warp + g + 8) / a.block_heads};
    const int warp_first = tile.first_position + 16 * warp / a.block_heads;
    const int warp_last = tile.first_position + (16 * warp + 15) / a.block_heads;
    float y[Dim / 8][4] = {};
    SoftmaxRows softmax;
    for (int j = 0; j < key_tiles; j++)
    {
        // After the barrier everyone has tile j, and no one reads tile j - 1 (or the queries' first place) any more.
        await_copies<0>();
        __syncthreads();
        if (j + 1 < key_tiles)
        {
            copy_keys<Dim, Keys, Threads>(stages + (j + 1) % 2 * StageHalves, keys, values, head_dim, (j + 1) * Keys, last);
            commit_copies();
        }

        if (j * Keys > warp_last)
        {
            continue;
        }

        const __half* stage = stages + j % 2 * StageHalves;
        float scores[Keys / 8][4] = {};
#pragma unroll
        for (int d = 0; d < Dim; d += 16)
        {
            uint32_t query[4];
            if (HoldsQueries)
            {
#pragma unroll
                for (int i = 0; i < 4; i++)
                {
                    query[i] = held[HoldsQueries ? d / 16 : 0][i];
                }
            }
            else
            {
                load_matrices(query, query_tile<Dim>(own_queries, d));
            }

#pragma unroll
            for (int n = 0; n < Keys; n += 16)
            {
                uint32_t key[4];
                load_matrices(key, key_tile<Dim>(stage + n * Pitch<Dim>, d));
                mma_f16(scores[n / 8], query, {key[0], key[1]});
                mma_f16(scores[n / 8 + 1], query, {key[2], key[3]});
            }
        }

        if ((j + 1) * Keys - 1 > warp_first)
        {
#pragma unroll
            for (int i = 0; i < Keys / 2; i++)
            {
                const int key = j * Keys + i / 4 * 8 + lane % 4 * 2 + i % 2;
                scores[i / 4][i % 4] = key <= position[i / 2 % 2] ? scores[i / 4][i % 4] : minus_infinity();
            }
        }

        float factor[2];
        softmax.add(scores, factor);
        rescale(y, factor);
#pragma unroll
        for (int n = 0; n < Keys; n += 16)
        {
            uint32_t weight[4];
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                weight[i] = pack_halves(scores[n / 8 + i / 2][i % 2 * 2], scores[n / 8 + i / 2][i % 2 * 2 + 1]);
            }

#pragma unroll
            for (int d = 0; d < Dim; d += 16)
            {
                uint32_t value[4];
                load_matrices_transposed(value, query_tile<Dim>(stage + (Keys + n) * Pitch<Dim>, d));
                mma_f16(y[d / 8], weight, {value[0], value[1]});
                mma_f16(y[d / 8 + 1], weight, {value[2], value[3]});
            }
        }
    }

#pragma unroll
    for (int r = 0; r < 2; r++)
    {
        const float inverse = __fdiv_rn(1.0f, softmax.total(r));
        const int m = 16 * warp + g + 8 * r;
        const int row = m / a.block_heads;
        const int head = m % a.block_heads;
        if (row >= tile.row_count || head >= heads)
        {
            continue;
        }

        float* out = a.y + (static_cast<size_t>(tile.first_row + row) * a.query_heads + query_head + head) * head_dim;
#pragma unroll
        for (int n = 0; n < Dim / 8; n++)
        {
            const int d = 8 * n + lane % 4 * 2;
            if (d < head_dim)
            {
                *reinterpret_cast<float2*>(out + d) = make_float2(y[n][2 * r] * inverse, y[n][2 * r + 1] * inverse);
            }
        }
    }
}

// Grid: blocks of query heads, tiles.
KERNEL(256) attention_prefill_64(const __grid_constant__ PrefillArgs a) { attend_tile<64, 8, 64, true>(a); }
KERNEL(256) attention_prefill_96(const __grid_constant__ PrefillArgs a) { attend_tile<96, 8, 64, true>(a); }
KERNEL(256) attention_prefill_128(const __grid_constant__ PrefillArgs a) { attend_tile<128, 8, 64, true>(a); }
KERNEL(128) attention_prefill_256(const __grid_constant__ PrefillArgs a) { attend_tile<256, 4, 32, false>(a); }

// Any head up to 512 elements. Grid: query heads, tiles, rows of a tile.
KERNEL(128) attention_prefill_any(const __grid_constant__ PrefillArgs a)
{
    __shared__ AnyShared shared;
    await_previous();
    release_next();
    const PrefillTile tile = a.tiles[blockIdx.y];
    const int row = blockIdx.z;
    if (row >= tile.row_count)
    {
        return;
    }

    const int head_dim = a.cache.head_dim;
    const int head = blockIdx.x;
    const size_t base = (static_cast<size_t>(head / a.group) * a.cache.tokens + tile.first_cell) * head_dim;
    const size_t at = (static_cast<size_t>(tile.first_row + row) * a.query_heads + head) * head_dim;
    attend_any(
        shared, a.q + at, a.cache.keys + base, a.cache.values + base, head_dim, 0, tile.first_position + row + 1, a.scale);
    const float largest = merged_maximum<AnyWarps>(shared.maximum, 1);
    float weights[AnyWarps];
    float sum = 0.0f;
#pragma unroll
    for (int w = 0; w < AnyWarps; w++)
    {
        weights[w] = part_weight(shared.maximum[w], largest);
        sum = __fmaf_rn(weights[w], shared.sum[w], sum);
    }

    for (int d = threadIdx.x; d < head_dim; d += AnyWarps * WarpSize)
    {
        float value = 0.0f;
#pragma unroll
        for (int w = 0; w < AnyWarps; w++)
        {
            value = __fmaf_rn(weights[w], shared.y[w][d], value);
        }

        a.y[at + d] = __fdiv_rn(value, sum);
    }
}
