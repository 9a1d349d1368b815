// Attention of one query row against its sequence's cells. A block takes a KV head's query heads over one chunk of
// cells; a second kernel merges the chunks and encodes. Chunks depend on the row's own length only, and so do bits.
#include "Attention.cuh"
#include "Encode.cuh"

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

// 16 cells' keys, then values, [16][Pitch] each, copied by a warp; zeros from cell `end` on.
template <int Dim>
__device__ __forceinline__ void copy_cells(
    __half* shared, const __half* keys, const __half* values, int head_dim, int cell, int end)
{
    constexpr int Chunks = Dim / 8;
    const int lane = threadIdx.x % WarpSize;
#pragma unroll
    for (int i = 0; i < 16 * Chunks / WarpSize; i++)
    {
        const int row = (i * WarpSize + lane) / Chunks;
        const int column = (i * WarpSize + lane) % Chunks * 8;
        const bool is_inside = cell + row < end;
        const size_t source = static_cast<size_t>(is_inside ? cell + row : end - 1) * head_dim + column;
        if (column < head_dim)
        {
            copy_async(shared + row * Pitch<Dim> + column, keys + source, is_inside);
            copy_async(shared + (16 + row) * Pitch<Dim> + column, values + source, is_inside);
        }
    }
}

// Shared memory: the queries' float16 [16][Pitch], their remainders [16][Pitch], then for each warp and stage 16 keys
// and 16 values. Tile t of the chunk is warp t % Warps'. Queries and weights enter the tensor cores as float16 and
// remainder: decoding costs bandwidth, not arithmetic, and keeps float32's accuracy.
template <int Dim, int Warps>
__device__ __forceinline__ void attend_chunk(const DecodeArgs& a)
{
    constexpr int StageHalves = 2 * 16 * Pitch<Dim>;
    constexpr int Threads = Warps * WarpSize;
    DYNAMIC_SHARED(shared);
    __shared__ float maxima[Warps][16];
    __shared__ float sums[Warps][16];
    __half* queries = reinterpret_cast<__half*>(shared);
    const int lane = threadIdx.x % WarpSize;
    const int warp = threadIdx.x / WarpSize;
    __half* tiles = queries + 2 * 16 * Pitch<Dim> + warp * a.stages * StageHalves;

    await_previous();
    release_next();
    const int row = a.first_row + blockIdx.z;
    const RowState state = a.states[row];
    const int length = state.position + 1;
    const int chunk = chunk_cells(length);
    const int begin = blockIdx.y * chunk;
    if (begin >= length)
    {
        return;
    }

    const int end = min(length, begin + chunk);
    const int head_dim = a.cache.head_dim;
    const int kv_head = blockIdx.x / a.group_blocks;
    const int first_head = blockIdx.x % a.group_blocks * a.block_heads;
    const int heads = min(a.block_heads, a.group - first_head);
    const int query_head = kv_head * a.group + first_head;
    const size_t base = (static_cast<size_t>(kv_head) * a.cache.tokens + state.first_cell) * head_dim;
    const __half* keys = a.cache.keys + base;
    const __half* values = a.cache.values + base;

    const int count = (end - begin + 15) / 16;
    for (int stage = 0; stage < a.stages; stage++)
    {
        for (int i = lane; i < 32 * (Dim - head_dim); i += WarpSize)
        {
            tiles[stage * StageHalves + i / (Dim - head_dim) * Pitch<Dim> + head_dim + i % (Dim - head_dim)] = __float2half_rn(0.0f);
        }
    }

    for (int stage = 0; stage < a.stages - 1; stage++)
    {
        const int t = warp + stage * Warps;
        if (t < count)
        {
            copy_cells<Dim>(tiles + stage * StageHalves, keys, values, head_dim, begin + 16 * t, end);
        }

        commit_copies();
    }

    const float* q = a.q + (static_cast<size_t>(row) * a.query_heads + query_head) * head_dim;
    for (int i = threadIdx.x; i < 16 * Dim; i += Threads)
    {
        const int head = i / Dim;
        const int d = i % Dim;
        const float v = head < heads && d < head_dim ? q[head * head_dim + d] * a.scale : 0.0f;
        const __half rounded = __float2half_rn(v);
        queries[head * Pitch<Dim> + d] = rounded;
        queries[(16 + head) * Pitch<Dim> + d] = __float2half_rn(v - __half2float(rounded));
    }

    __syncthreads();
    float y[Dim / 8][4] = {};
    SoftmaxRows softmax;
    int slot = 0;
    for (int t = warp; t < count; t += Warps)
    {
        const int ahead = t + (a.stages - 1) * Warps;
        const int free_slot = slot == 0 ? a.stages - 1 : slot - 1;
        if (ahead < count)
        {
            copy_cells<Dim>(tiles + free_slot * StageHalves, keys, values, head_dim, begin + 16 * ahead, end);
        }

        commit_copies();
        switch (a.stages)
        {
            case 2: await_copies<1>(); break;
            case 3: await_copies<2>(); break;
            default: await_copies<3>(); break;
        }

        __syncwarp();
        const __half* tile = tiles + slot * StageHalves;
        float high[2][4] = {};
        float low[2][4] = {};
#pragma unroll
        for (int d = 0; d < Dim; d += 16)
        {
            uint32_t key[4];
            uint32_t query[4];
            uint32_t remainder[4];
            load_matrices(key, key_tile<Dim>(tile, d));
            load_matrices(query, query_tile<Dim>(queries, d));
            load_matrices(remainder, query_tile<Dim>(queries + 16 * Pitch<Dim>, d));
            mma_f16(high[0], query, {key[0], key[1]});
            mma_f16(high[1], query, {key[2], key[3]});
            mma_f16(low[0], remainder, {key[0], key[1]});
            mma_f16(low[1], remainder, {key[2], key[3]});
        }

        float scores[2][4];
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            const int cell = begin + 16 * t + i / 4 * 8 + lane % 4 * 2 + i % 2;
            scores[i / 4][i % 4] = cell < end ? __fadd_rn(high[i / 4][i % 4], low[i / 4][i % 4]) : minus_infinity();
        }

        float factor[2];
        softmax.add(scores, factor);
        rescale(y, factor);
        uint32_t weight[4];
        uint32_t remainder[4];
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            const float first = scores[i / 2][i % 2 * 2];
            const float second = scores[i / 2][i % 2 * 2 + 1];
            weight[i] = pack_halves(first, second);
            remainder[i] = pack_remainders(first, second, weight[i]);
        }

#pragma unroll
        for (int d = 0; d < Dim; d += 16)
        {
            uint32_t value[4];
            load_matrices_transposed(value, query_tile<Dim>(tile + 16 * Pitch<Dim>, d));
            mma_f16(y[d / 8], weight, {value[0], value[1]});
            mma_f16(y[d / 8 + 1], weight, {value[2], value[3]});
            mma_f16(y[d / 8], remainder, {value[0], value[1]});
            mma_f16(y[d / 8 + 1], remainder, {value[2], value[3]});
        }

        __syncwarp();
        slot = slot == a.stages - 1 ? 0 : slot + 1;
    }

    // The warp's tiles are read and no copy is under way: its memory takes its accumulators, [16][Dim].
    await_copies<0>();
    __syncwarp();
    float* own = reinterpret_cast<float*>(tiles);
    const int g = lane / 4;
#pragma unroll
    for (int n = 0; n < Dim / 8; n++)
    {
        const int column = 8 * n + lane % 4 * 2;
        *reinterpret_cast<float2*>(own + g * Dim + column) = make_float2(y[n][0], y[n][1]);
        *reinterpret_cast<float2*>(own + (g + 8) * Dim + column) = make_float2(y[n][2], y[n][3]);
    }

#pragma unroll
    for (int r = 0; r < 2; r++)
    {
        const float total = softmax.total(r);
        if (lane % 4 == 0)
        {
            maxima[warp][g + 8 * r] = softmax.maximum[r];
            sums[warp][g + 8 * r] = total;
        }
    }

    __syncthreads();
    const float* all = reinterpret_cast<const float*>(queries + 2 * 16 * Pitch<Dim>);
    const int warp_floats = a.stages * StageHalves / 2;
    const size_t part = (static_cast<size_t>(blockIdx.z) * a.query_heads + query_head) * MostSplits + blockIdx.y;
    for (int i = threadIdx.x; i < heads * Dim; i += Threads)
    {
        const int head = i / Dim;
        const int d = i % Dim;
        const float largest = merged_maximum<Warps>(&maxima[0][head], 16);
        float value = 0.0f;
        float sum = 0.0f;
#pragma unroll
        for (int w = 0; w < Warps; w++)
        {
            const float weight = part_weight(maxima[w][head], largest);
            value = __fmaf_rn(weight, all[w * warp_floats + head * Dim + d], value);
            sum = __fmaf_rn(weight, sums[w][head], sum);
        }

        if (d < head_dim)
        {
            a.parts[(part + head * MostSplits) * head_dim + d] = value;
        }

        if (d == 0)
        {
            a.part_stats[part + head * MostSplits] = make_float2(largest, sum);
        }
    }
}

// Grid: blocks of query heads, chunks, rows.
KERNEL(128) attention_decode_64(const __grid_constant__ DecodeArgs a) { attend_chunk<64, 4>(a); }
KERNEL(128) attention_decode_96(const __grid_constant__ DecodeArgs a) { attend_chunk<96, 4>(a); }
KERNEL(128) attention_decode_128(const __grid_constant__ DecodeArgs a) { attend_chunk<128, 4>(a); }
KERNEL(64) attention_decode_256(const __grid_constant__ DecodeArgs a) { attend_chunk<256, 2>(a); }

// Any head up to 512 elements. Grid: query heads, chunks, rows.
KERNEL(128) attention_decode_any(const __grid_constant__ DecodeArgs a)
{
    __shared__ AnyShared shared;
    await_previous();
    release_next();
    const int row = a.first_row + blockIdx.z;
    const RowState state = a.states[row];
    const int length = state.position + 1;
    const int chunk = chunk_cells(length);
    const int begin = blockIdx.y * chunk;
    if (begin >= length)
    {
        return;
    }

    const int head_dim = a.cache.head_dim;
    const int head = blockIdx.x;
    const size_t base = (static_cast<size_t>(head / a.group) * a.cache.tokens + state.first_cell) * head_dim;
    const float* q = a.q + (static_cast<size_t>(row) * a.query_heads + head) * head_dim;
    attend_any(shared, q, a.cache.keys + base, a.cache.values + base, head_dim, begin, min(length, begin + chunk), a.scale);
    const size_t part = (static_cast<size_t>(blockIdx.z) * a.query_heads + head) * MostSplits + blockIdx.y;
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

        a.parts[part * head_dim + d] = value;
    }

    if (threadIdx.x == 0)
    {
        a.part_stats[part] = make_float2(largest, sum);
    }
}

// y from its row's parts, in the chunks' order.
struct MergedParts
{
    const DecodeArgs& a;

    template <class T, class Read, class Add>
    __device__ __forceinline__ T merge(int row, int column, Read read, Add add) const
    {
        const int head_dim = a.cache.head_dim;
        const int head = column / head_dim;
        const int length = a.states[row].position + 1;
        const int chunk = chunk_cells(length);
        const int splits = (length + chunk - 1) / chunk;
        const size_t part = (static_cast<size_t>(row - a.first_row) * a.query_heads + head) * MostSplits;
        const float* parts = a.parts + part * head_dim + column % head_dim;
        // All loads first: the parts come from the second cache level, a wait each if taken one by one.
        float2 stats[MostSplits];
        T values[MostSplits];
#pragma unroll
        for (int s = 0; s < MostSplits; s++)
        {
            stats[s] = s < splits ? a.part_stats[part + s] : make_float2(minus_infinity(), 0.0f);
        }

#pragma unroll
        for (int s = 0; s < MostSplits; s++)
        {
            values[s] = s < splits ? read(parts + static_cast<size_t>(s) * head_dim) : T{};
        }

        float largest = minus_infinity();
#pragma unroll
        for (int s = 0; s < MostSplits; s++)
        {
            largest = fmaxf(largest, stats[s].x);
        }

        T y = {};
        float sum = 0.0f;
#pragma unroll
        for (int s = 0; s < MostSplits; s++)
        {
            const float weight = part_weight(stats[s].x, largest);
            sum = __fmaf_rn(weight, stats[s].y, sum);
            add(y, weight, values[s]);
        }

        T divided = {};
        add(divided, __fdiv_rn(1.0f, sum), y);
        return divided;
    }

    __device__ __forceinline__ float4 four(int row, int column) const
    {
        return merge<float4>(
            row,
            column,
            [](const float* p) { return *reinterpret_cast<const float4*>(p); },
            [](float4& y, float weight, float4 v)
            {
                y = make_float4(
                    __fmaf_rn(weight, v.x, y.x), __fmaf_rn(weight, v.y, y.y), __fmaf_rn(weight, v.z, y.z), __fmaf_rn(weight, v.w, y.w));
            });
    }

    __device__ __forceinline__ float one(int row, int column) const
    {
        return merge<float>(
            row,
            column,
            [](const float* p) { return *p; },
            [](float& y, float weight, float v) { y = __fmaf_rn(weight, v, y); });
    }
};

KERNEL(256) attention_combine_columns(const __grid_constant__ DecodeArgs a)
{
    await_previous();
    release_next();
    write_columns(MergedParts{a}, a.first_row + blockIdx.x, a.query_heads * a.cache.head_dim, a.y, a.encoded);
}

KERNEL(512) attention_combine_row(const __grid_constant__ DecodeArgs a)
{
    await_previous();
    release_next();
    write_row<512, 8>(MergedParts{a}, a.first_row + blockIdx.x, a.query_heads * a.cache.head_dim, a.y, a.encoded);
}

KERNEL(512) attention_combine_any(const __grid_constant__ DecodeArgs a)
{
    await_previous();
    release_next();
    write_row_any<512>(MergedParts{a}, a.first_row + blockIdx.x, a.query_heads * a.cache.head_dim, a.y, a.encoded);
}
