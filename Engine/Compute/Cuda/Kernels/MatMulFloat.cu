// Products of prompt rows, float weights: on tensor cores where rows are 16-byte aligned (MatMulTile.cuh says how), else
// plainly.
#include "MatMulTile.cuh"

MATMUL_SHAPES(f16, F16)
MATMUL_SHAPES(bf16, BF16)
MATMUL(middle, MatMulMiddle, f32, F32)

// Any number of columns: a warp an output, for matrices too odd to be large. row_tiles: rows that are wanted.
constexpr int PlainWarps = 8;

template <class TFloat>
__device__ __forceinline__ void matmul_plain(const MatMulArgs& a)
{
    const int n = blockIdx.x / a.row_tiles * PlainWarps + threadIdx.x / WarpSize;
    const int row = a.first_row + blockIdx.x % a.row_tiles;
    const MatMulTarget& target = a.target[0];
    await_previous();
    if (n >= target.rows)
    {
        return;
    }

    const uint8_t* weights = target.weights + static_cast<long long>(n) * a.row_bytes;
    const __half* x = a.halves + static_cast<size_t>(row) * a.columns;
    float sum = 0.0f;
    for (int k = threadIdx.x % WarpSize; k < a.columns; k += WarpSize)
    {
        sum = __fmaf_rn(TFloat::value(weights + k * TFloat::Bytes), __half2float(x[k]), sum);
    }

    sum = warp_sum(sum);
    if (threadIdx.x % WarpSize == 0)
    {
        target.y[static_cast<size_t>(row) * target.rows + n] = a.row_scales[row] * sum;
    }
}

#define MATMUL_PLAIN(type, TFloat)                                              \
    KERNEL(PlainWarps * WarpSize)                                               \
    matmul_plain_##type(const __grid_constant__ MatMulArgs a)                   \
    {                                                                           \
        matmul_plain<TFloat>(a);                                                \
    }

MATMUL_PLAIN(f16, F16)
MATMUL_PLAIN(bf16, BF16)
MATMUL_PLAIN(f32, F32)
