// Rotary embedding and the way into the KV cache. One kernel for all: rows of query heads, key heads and value heads;
// query and key heads are rotated in place, key and value heads go to their row's cell as float16.
#include "Common.cuh"

struct RotaryArgs
{
    float* q;                  // [rows][query_heads][head_dim]
    float* k;                  // [rows][cache.heads][head_dim]; rotated in place
    const float* v;            // as k
    const float* frequencies;  // [dimensions / 2]
    const RowState* states;    // [rows]
    KvLayer cache;
    int query_heads;           // 0: only keys and values
    int key_heads;             // cache.heads, or 0: only queries
    int head_dim;
    int dimensions;            // rotated elements of a head; 0: no rotation, only the store
    int is_interleaved;
    int heads_per_block;
    float magnitude;
};

// Sine and cosine of position * frequency, times magnitude; within 3e-7 for products up to 2^24. The product is taken
// exactly as high + low; k * 2 pi is subtracted from it in two parts, and the first subtraction is exact (multiples of
// 2^-21 below 8), so only the sum's rounding remains.
__device__ __forceinline__ float2 rotation(int position, float frequency, float magnitude)
{
    constexpr float TwoPiHigh = 6.283185482025146484375f;
    constexpr float TwoPiLow = -1.7484555314695172e-7f;
    const float p = static_cast<float>(position);
    const float high = __fmul_rn(p, frequency);
    const float low = __fmaf_rn(p, frequency, -high);
    const float turns = rintf(__fmul_rn(high, 0.15915494309189535f));
    const float angle = __fadd_rn(__fmaf_rn(-turns, TwoPiHigh, high), __fmaf_rn(-turns, TwoPiLow, low));
    float sine;
    float cosine;
    sincosf(angle, &sine, &cosine);
    return make_float2(__fmul_rn(sine, magnitude), __fmul_rn(cosine, magnitude));
}

// Grid: rows by blocks of heads. A thread has two elements of a head: a rotated pair, or two neighbours of those that
// pass through; it keeps its rotation for all its heads.
KERNEL(256) rotary(const __grid_constant__ RotaryArgs a)
{
    const int row = blockIdx.x;
    const int pairs = (a.head_dim + 1) / 2;
    const int half = a.dimensions / 2;
    const int together = 256 / pairs;
    const int pair = threadIdx.x % pairs;
    const int first = threadIdx.x / pairs;
    const bool is_rotated = pair < half;
    const RowState state = a.states[row];
    // Positions and frequencies are no kernel's work: the rotation is ready before the products are.
    const float2 rotated = is_rotated ? rotation(state.position, a.frequencies[pair], a.magnitude) : make_float2(0.0f, 1.0f);
    await_previous();
    release_next();
    if (first >= together)
    {
        return;
    }

    const int i = is_rotated && a.is_interleaved == 0 ? pair : 2 * pair;
    const int j = is_rotated && a.is_interleaved == 0 ? pair + half : i + 1;
    const int heads = a.query_heads + 2 * a.key_heads;
    const int end = min(heads, static_cast<int>(blockIdx.y + 1) * a.heads_per_block);
    const size_t cell = static_cast<size_t>(state.first_cell) + state.position;
    for (int head = blockIdx.y * a.heads_per_block + first; head < end; head += together)
    {
        const bool is_query = head < a.query_heads;
        const int kv_head = is_query ? 0 : (head - a.query_heads) % a.key_heads;
        const bool is_value = head >= a.query_heads + a.key_heads;
        if (is_query && !is_rotated)
        {
            continue;
        }

        const size_t at = is_query
            ? (static_cast<size_t>(row) * a.query_heads + head) * a.head_dim
            : (static_cast<size_t>(row) * a.key_heads + kv_head) * a.head_dim;
        if (is_value)
        {
            // Values are not rotated: neighbours, whatever the layout.
            __half* stored = a.cache.values + (static_cast<size_t>(kv_head) * a.cache.tokens + cell) * a.head_dim;
            const float* v = a.v + at;
            stored[2 * pair] = __float2half_rn(v[2 * pair]);
            if (2 * pair + 1 < a.head_dim)
            {
                stored[2 * pair + 1] = __float2half_rn(v[2 * pair + 1]);
            }

            continue;
        }

        float* x = (is_query ? a.q : a.k) + at;
        const bool has_both = j < a.head_dim;
        float xi = x[i];
        float xj = has_both ? x[j] : 0.0f;
        if (is_rotated)
        {
            const float turned = __fmaf_rn(xi, rotated.y, -__fmul_rn(xj, rotated.x));
            xj = __fmaf_rn(xi, rotated.x, __fmul_rn(xj, rotated.y));
            xi = turned;
            x[i] = xi;
            x[j] = xj;
        }

        if (!is_query)
        {
            __half* stored = a.cache.keys + (static_cast<size_t>(kv_head) * a.cache.tokens + cell) * a.head_dim;
            stored[i] = __float2half_rn(xi);
            if (has_both)
            {
                stored[j] = __float2half_rn(xj);
            }
        }
    }
}
