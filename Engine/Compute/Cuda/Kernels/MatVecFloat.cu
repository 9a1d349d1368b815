// Products of bfloat16 and float32 weights (and of float16 ones whose rows are not whole 16-byte words) with X as it is:
// a warp has two weight rows and up to four rows of X. A lane adds every 32nd 16-byte word of a row, element by element;
// rows that are no whole 16-byte words (then also misaligned) every 32nd element. Lanes are added as a butterfly does.
#include "MatVec.cuh"

constexpr int FloatRows = 2;

struct Bfloat16
{
    using Stored = uint16_t;

    __device__ static __forceinline__ float value(uint16_t v) { return __uint_as_float(static_cast<uint32_t>(v) << 16); }
};

struct Float16
{
    using Stored = uint16_t;

    __device__ static __forceinline__ float value(uint16_t v) { return half_bits(v); }
};

struct Float32
{
    using Stored = uint32_t;

    __device__ static __forceinline__ float value(uint32_t v) { return __uint_as_float(v); }
};

template <class TElement>
struct Vector
{
    static constexpr int Elements = 16 / sizeof(typename TElement::Stored);

    uint32_t words[4];

    __device__ __forceinline__ void load(const typename TElement::Stored* p)
    {
        const uint4 v = load_once(reinterpret_cast<const uint4*>(p));
        words[0] = v.x, words[1] = v.y, words[2] = v.z, words[3] = v.w;
    }

    __device__ __forceinline__ float operator[](int i) const
    {
        if constexpr (Elements == 4)
        {
            return TElement::value(words[i]);
        }
        else
        {
            return TElement::value(static_cast<uint16_t>(words[i / 2] >> i % 2 * 16));
        }
    }
};

template <class TElement, int xs>
__device__ __forceinline__ void matvec_float(const MatVecArgs& a)
{
    using Stored = typename TElement::Stored;
    using Loaded = Vector<TElement>;
    constexpr int Ahead = 4;    // words under way, of each row
    const int lane = threadIdx.x % WarpSize;
    const int x_tiles = (a.count + xs - 1) / xs;
    const int first_x = blockIdx.x % x_tiles * xs;
    const Tile tile = find_tile<FloatRows>(a, blockIdx.x / x_tiles * (blockDim.x / WarpSize) + threadIdx.x / WarpSize);
    if (tile.first_row < 0)
    {
        return;
    }

    const Stored* rows[FloatRows];
#pragma unroll
    for (int r = 0; r < FloatRows; r++)
    {
        const int row = min(tile.first_row + r, tile.rows - 1);
        rows[r] = reinterpret_cast<const Stored*>(tile.weights) + static_cast<size_t>(row) * a.columns;
    }

    const float* x[xs];
#pragma unroll
    for (int i = 0; i < xs; i++)
    {
        x[i] = a.x + static_cast<size_t>(min(first_x + i, a.count - 1)) * a.columns;
    }

    await_previous();
    release_next();
    float totals[xs][FloatRows] = {};
    if (a.columns % Loaded::Elements == 0)
    {
        for (int first = lane * Loaded::Elements; first < a.columns; first += WarpSize * Loaded::Elements * Ahead)
        {
            Loaded w[Ahead][FloatRows];
#pragma unroll
            for (int u = 0; u < Ahead; u++)
            {
                const int element = first + u * WarpSize * Loaded::Elements;
                if (element < a.columns)
                {
#pragma unroll
                    for (int r = 0; r < FloatRows; r++)
                    {
                        w[u][r].load(rows[r] + element);
                    }
                }
            }

#pragma unroll
            for (int u = 0; u < Ahead; u++)
            {
                const int element = first + u * WarpSize * Loaded::Elements;
                if (element < a.columns)
                {
#pragma unroll
                    for (int i = 0; i < xs; i++)
                    {
#pragma unroll
                        for (int k = 0; k < Loaded::Elements; k += 4)
                        {
                            const float4 v = *reinterpret_cast<const float4*>(x[i] + element + k);
#pragma unroll
                            for (int r = 0; r < FloatRows; r++)
                            {
                                totals[i][r] = __fmaf_rn(w[u][r][k], v.x, totals[i][r]);
                                totals[i][r] = __fmaf_rn(w[u][r][k + 1], v.y, totals[i][r]);
                                totals[i][r] = __fmaf_rn(w[u][r][k + 2], v.z, totals[i][r]);
                                totals[i][r] = __fmaf_rn(w[u][r][k + 3], v.w, totals[i][r]);
                            }
                        }
                    }
                }
            }
        }
    }
    else
    {
        for (int element = lane; element < a.columns; element += WarpSize)
        {
#pragma unroll
            for (int i = 0; i < xs; i++)
            {
#pragma unroll
                for (int r = 0; r < FloatRows; r++)
                {
                    totals[i][r] = __fmaf_rn(TElement::value(rows[r][element]), x[i][element], totals[i][r]);
                }
            }
        }
    }

#pragma unroll
    for (int i = 0; i < xs; i++)
    {
#pragma unroll
        for (int r = 0; r < FloatRows; r++)
        {
            float sum = totals[i][r];
#pragma unroll
            for (int offset = WarpSize / 2; offset > 0; offset /= 2)
            {
                sum = __fadd_rn(sum, __shfl_xor_sync(0xFFFFFFFFu, sum, offset));
            }

            const int row = tile.first_row + r;
            if (lane == 0 && first_x + i < a.count && row < tile.rows)
            {
                tile.y[static_cast<size_t>(first_x + i) * tile.rows + row] = sum;
            }
        }
    }
}

#define MATVEC_FLOAT(element, name, xs)                                                    \
    extern "C" __global__ void __launch_bounds__(128) matvec_float_##name##_##xs(          \
        const __grid_constant__ MatVecArgs a)                                              \
    {                                                                                      \
        matvec_float<element, xs>(a);                                                      \
    }

MATVEC_FLOAT(Bfloat16, bf16, 1)
MATVEC_FLOAT(Bfloat16, bf16, 4)
MATVEC_FLOAT(Float16, f16, 1)
MATVEC_FLOAT(Float16, f16, 4)
MATVEC_FLOAT(Float32, f32, 1)
MATVEC_FLOAT(Float32, f32, 4)
