// Kernels that need AVX-512's 52-bit multiply-add (IFMA).
#pragma once

#include "ring/tile.hpp"

namespace trine::ring::avx512ifma {

// Elements below 2^52; two sums for each of the tile's elements: of the products' low 52 bits, and of the
// rest. Exact for `depth` products. Rows of the sums are `tile_columns` apart; columns beyond the tile's are
// rubbish.
inline constexpr std::size_t tile_rows = 12, tile_columns = 8, element_bits = 52, depth = 1024;
void products(const Tile& tile, word* low, word* high);

}  // namespace trine::ring::avx512ifma
