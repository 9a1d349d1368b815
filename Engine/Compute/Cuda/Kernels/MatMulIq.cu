// Products of prompt rows on tensor cores, weights in super-blocks of table indices. MatMulTile.cuh says how.
#include "MatMulTile.cuh"

MATMUL_SHAPES(iq4_xs, IQ4_XS)
MATMUL_SHAPES(iq3_xxs, IQ3_XXS)
MATMUL_SHAPES(iq3_s, IQ3_S)
