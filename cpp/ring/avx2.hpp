// Kernels in AVX2. Raw pointers and no library templates: what is compiled here must never be linked
// elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>

namespace trine::ring::avx2 {

using word = std::uint64_t;

void z2k_mul(const word* a, const word* b, word* out, std::size_t count);
void rss_mul(const word* xa, const word* xb, const word* ya, const word* yb, word* out, std::size_t count);

// Products of packed panels, as GemmKernel::multiply_add wants them for whole tiles' width.
inline constexpr std::size_t z2k_tile_rows = 6, z2k_tile_columns = 4;
void z2k_multiply_add(std::size_t depth, const word* a, const word* b, std::size_t height, word* out,
                      std::size_t out_stride);

// Elements are two limbs, low | high << 32, of this many bits; three sums of products for each of the tile's
// elements: of the low limbs, of the limbs' sums, of the high limbs. Exact for 256 products and more.
inline constexpr std::size_t field_tile_rows = 4, field_tile_columns = 4, limb_bits = 25;
void limb_products(std::size_t depth, const word* a, const word* b, word* low, word* middle, word* high);

void field_add(const word* a, const word* b, word prime, word* out, std::size_t count);
void field_sub(const word* a, const word* b, word prime, word* out, std::size_t count);

}  // namespace trine::ring::avx2
