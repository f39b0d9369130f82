// Kernels in NEON, which every AArch64 processor has.
#pragma once

#include "ring/tile.hpp"

namespace trine::ring::neon {

inline constexpr std::size_t tile_rows = 8, tile_columns = 4;
void multiply(const Tile& tile);

}  // namespace trine::ring::neon
