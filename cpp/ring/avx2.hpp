// Kernels in AVX2.
#pragma once

#include "ring/tile.hpp"

namespace trine::ring::avx2 {

extern const Z2kPath z2k;

// Elements are two limbs, low | high << 32, of this many bits; three sums of products for each of the tile's
// elements: of the low limbs, of the limbs' sums, of the high limbs. Exact for `limb_depth` products.
inline constexpr std::size_t field_tile_rows = 4, field_tile_columns = 4, limb_bits = 25, limb_depth = 512;
void limb_products(const Tile& tile, word* low, word* middle, word* high);

void field_add(const word* a, const word* b, word prime, word* out, std::size_t count);
void field_sub(const word* a, const word* b, word prime, word* out, std::size_t count);

}  // namespace trine::ring::avx2
