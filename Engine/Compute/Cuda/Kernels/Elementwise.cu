// Operations that touch every element once: x += delta, y += bias, y = silu(gate) * up, encodings alone, gathered rows.
#include "Encode.cuh"

struct AddArgs
{
    float* x;
    const float* delta;
    long long elements;
};

// Four elements a thread.
KERNEL(256) add(const __grid_constant__ AddArgs a)
{
    await_previous();
    release_next();
    const long long at = 4 * (static_cast<long long>(blockIdx.x) * 256 + threadIdx.x);
    if (at + 4 <= a.elements)
    {
        float4 x = *reinterpret_cast<const float4*>(a.x + at);
        const float4 d = *reinterpret_cast<const float4*>(a.delta + at);
        x = make_float4(__fadd_rn(x.x, d.x), __fadd_rn(x.y, d.y), __fadd_rn(x.z, d.z), __fadd_rn(x.w, d.w));
        *reinterpret_cast<float4*>(a.x + at) = x;
        return;
    }

    for (long long i = at; i < a.elements; i++)
    {
        a.x[i] = __fadd_rn(a.x[i], a.delta[i]);
    }
}

struct AddBiasArgs
{
    float* y;           // [rows][columns]
    const float* bias;  // [columns]
    int columns;
};

// Grid: rows by blocks of 256 columns.
KERNEL(256) add_bias(const __grid_constant__ AddBiasArgs a)
{
    const int column = blockIdx.y * 256 + threadIdx.x;
    const float bias = column < a.columns ? a.bias[column] : 0.0f;
    await_previous();
    release_next();
    if (column < a.columns)
    {
        float* y = a.y + static_cast<size_t>(blockIdx.x) * a.columns + column;
        *y = __fadd_rn(*y, bias);
    }
}

struct GatherArgs
{
    const float* x;
    const int* rows;  // of x, one for each row of y
    float* y;
    int columns;
};

// Grid: rows of y by blocks of 1024 columns.
KERNEL(256) gather_rows(const __grid_constant__ GatherArgs a)
{
    await_previous();
    release_next();
    const float* x = a.x + static_cast<size_t>(a.rows[blockIdx.x]) * a.columns;
    float* y = a.y + static_cast<size_t>(blockIdx.x) * a.columns;
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        const int column = blockIdx.y * 1024 + i * 256 + threadIdx.x;
        if (column < a.columns)
        {
            y[column] = x[column];
        }
    }
}

struct SwiGluArgs
{
    const float* gate;  // [rows][columns]
    const float* up;
    float* y;           // may be gate
    Encoded encoded;
    int columns;
};

struct SwiGluSource
{
    const SwiGluArgs& a;

    static __device__ __forceinline__ float swiglu(float gate, float up)
    {
        return __fdiv_rn(gate, 1.0f + expf(-gate)) * up;
    }

    __device__ __forceinline__ float4 four(int row, int column) const
    {
        const size_t at = static_cast<size_t>(row) * a.columns + column;
        const float4 g = *reinterpret_cast<const float4*>(a.gate + at);
        const float4 u = *reinterpret_cast<const float4*>(a.up + at);
        return make_float4(swiglu(g.x, u.x), swiglu(g.y, u.y), swiglu(g.z, u.z), swiglu(g.w, u.w));
    }

    __device__ __forceinline__ float one(int row, int column) const
    {
        const size_t at = static_cast<size_t>(row) * a.columns + column;
        return swiglu(a.gate[at], a.up[at]);
    }
};

struct EncodeArgs
{
    const float* x;  // [rows][columns]
    Encoded encoded;
    int columns;
};

struct PlainSource
{
    const EncodeArgs& a;

    __device__ __forceinline__ float4 four(int row, int column) const
    {
        return *reinterpret_cast<const float4*>(a.x + static_cast<size_t>(row) * a.columns + column);
    }

    __device__ __forceinline__ float one(int row, int column) const
    {
        return a.x[static_cast<size_t>(row) * a.columns + column];
    }
};

// Each in three shapes (Encode.cuh): split over columns where no halves are wanted, a block a row, and any columns.
KERNEL(256) swiglu_columns(const __grid_constant__ SwiGluArgs a)
{
    await_previous();
    release_next();
    write_columns(SwiGluSource{a}, blockIdx.x, a.columns, a.y, a.encoded);
}

KERNEL(1024) swiglu_row(const __grid_constant__ SwiGluArgs a)
{
    await_previous();
    release_next();
    write_row<1024, 8>(SwiGluSource{a}, blockIdx.x, a.columns, a.y, a.encoded);
}

KERNEL(512) swiglu_any(const __grid_constant__ SwiGluArgs a)
{
    await_previous();
    release_next();
    write_row_any<512>(SwiGluSource{a}, blockIdx.x, a.columns, a.y, a.encoded);
}

KERNEL(256) encode_columns(const __grid_constant__ EncodeArgs a)
{
    await_previous();
    release_next();
    write_columns(PlainSource{a}, blockIdx.x, a.columns, nullptr, a.encoded);
}

KERNEL(1024) encode_row(const __grid_constant__ EncodeArgs a)
{
    await_previous();
    release_next();
    write_row<1024, 8>(PlainSource{a}, blockIdx.x, a.columns, nullptr, a.encoded);
}

KERNEL(512) encode_any(const __grid_constant__ EncodeArgs a)
{
    await_previous();
    release_next();
    write_row_any<512>(PlainSource{a}, blockIdx.x, a.columns, nullptr, a.encoded);
}
