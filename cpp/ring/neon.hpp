// Kernels in NEON, which every AArch64 processor has.
#pragma once

#include "ring/tile.hpp"

namespace trine::ring::neon {

extern const Z2kPath z2k;

}  // namespace trine::ring::neon
