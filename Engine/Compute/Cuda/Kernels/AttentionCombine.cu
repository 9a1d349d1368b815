// Second part of attention of decode rows: merges a row's chunks in their order and encodes the result.
#include "AttentionDecode.cuh"
#include "Encode.cuh"

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
        if (a.cache.head_dim % 4 != 0)
        {
            return make_float4(one(row, column), one(row, column + 1), one(row, column + 2), one(row, column + 3));
        }

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

KERNEL(512) attention_combine_any(const __grid_constant__ DecodeArgs a)
{
    await_previous();
    release_next();
    write_row_any<512>(MergedParts{a}, a.first_row + blockIdx.x, a.query_heads * a.cache.head_dim, a.y, a.encoded);
}
