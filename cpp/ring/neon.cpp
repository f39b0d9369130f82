// NEON has no product of 64-bit lanes, so they are put together from 32-bit ones.
#include "ring/neon.hpp"

#include <arm_neon.h>

namespace trine::ring::neon {

namespace {

const std::uint32_t* halves(const word* from) { return reinterpret_cast<const std::uint32_t*>(from); }

void put(const Tile& tile, std::size_t row, uint64x2_t left, uint64x2_t right) {
    word* const out = tile.out + row * tile.out_stride;
    if (tile.width == tile_columns) {
        vst1q_u64(out, tile.add ? vaddq_u64(vld1q_u64(out), left) : left);
        vst1q_u64(out + 2, tile.add ? vaddq_u64(vld1q_u64(out + 2), right) : right);
        return;
    }
    word sums[tile_columns];
    vst1q_u64(sums, left);
    vst1q_u64(sums + 2, right);
    for (std::size_t j = 0; j < tile.width; ++j) out[j] = tile.add ? out[j] + sums[j] : sums[j];
}

// The low halves' products are summed in 64-bit lanes, the cross products in 32-bit lanes (only their low
// half can reach the result): four instructions for four products.
template <std::size_t Height>
void multiply_rows(const Tile& tile) {
    uint64x2_t left[Height], right[Height];
    uint32x4_t cross[Height];
#pragma GCC unroll 8
    for (std::size_t row = 0; row < Height; ++row) {
        left[row] = right[row] = vdupq_n_u64(0);
        cross[row] = vdupq_n_u32(0);
    }
    const word *a = tile.a, *b = tile.b;
    for (const word* const end = a + tile.depth; a != end; ++a, b += tile.width) {
        const uint32x4_t y01 = vld1q_u32(halves(b)), y23 = vld1q_u32(halves(b + 2));
        const uint32x4_t low = vuzp1q_u32(y01, y23), high = vuzp2q_u32(y01, y23);
#pragma GCC unroll 8
        for (std::size_t row = 0; row < Height; ++row) {
            const uint32x2_t x = vld1_u32(halves(a + row * tile.a_stride));
            left[row] = vmlal_lane_u32(left[row], vget_low_u32(low), x, 0);
            right[row] = vmlal_high_lane_u32(right[row], low, x, 0);
            cross[row] = vmlaq_lane_u32(cross[row], high, x, 0);
            cross[row] = vmlaq_lane_u32(cross[row], low, x, 1);
        }
    }
#pragma GCC unroll 8
    for (std::size_t row = 0; row < Height; ++row)
        put(tile, row, vaddq_u64(left[row], vshlq_n_u64(vmovl_u32(vget_low_u32(cross[row])), 32)),
            vaddq_u64(right[row], vshlq_n_u64(vmovl_high_u32(cross[row]), 32)));
}

}  // namespace

void multiply(const Tile& tile) {
    constexpr decltype(&multiply_rows<1>) by_height[] = {multiply_rows<1>, multiply_rows<2>, multiply_rows<3>,
                                                         multiply_rows<4>, multiply_rows<5>, multiply_rows<6>,
                                                         multiply_rows<7>, multiply_rows<8>};
    by_height[tile.height - 1](tile);
}

}  // namespace trine::ring::neon
