// Products of prompt rows on tensor cores, weights in super-blocks. MatMulTile.cuh says how.
#include "MatMulTile.cuh"

MATMUL_SHAPES(q2_k, Q2_K)
MATMUL_SHAPES(q3_k, Q3_K)
MATMUL_SHAPES(q4_k, Q4_K)
MATMUL_SHAPES(q5_k, Q5_K)
MATMUL_SHAPES(q6_k, Q6_K)
