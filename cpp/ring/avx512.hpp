// Kernels in AVX-512 (F, DQ, VL).
#pragma once

#include "ring/tile.hpp"

namespace trine::ring::avx512 {

extern const Z2kPath z2k;

}  // namespace trine::ring::avx512
