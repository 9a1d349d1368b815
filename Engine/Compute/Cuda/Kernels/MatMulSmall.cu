// Products of prompt rows on tensor cores, weights in blocks of 32. MatMulTile.cuh says how.
#include "MatMulTile.cuh"

MATMUL_SHAPES(q4_0, Q4_0)
MATMUL_SHAPES(q4_1, Q4_1)
MATMUL_SHAPES(q5_0, Q5_0)
MATMUL_SHAPES(q5_1, Q5_1)
MATMUL_SHAPES(q8_0, Q8_0)
MATMUL_SHAPES(iq4_nl, IQ4_NL)
