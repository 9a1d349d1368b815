// Weight formats of GGUF as kernels read them. Every format gives 32 consecutive weights of a row ("part") as integer
// quants and float scales: weight = scale * quant - minimum, a scale and minimum for each Group elements (16 or 32).
// Layouts: ggml-common.h; the CPU device's Engine/Compute/Cpu/Formats describe each in words.
// Addresses are only as aligned as the format's block size allows inside a 32-byte aligned tensor.
#pragma once
#include "Common.cuh"
