// The only code compiled for AVX-512 IFMA: it runs where the processor has said so.
#include "ring/avx512ifma.hpp"

#include <immintrin.h>

namespace trine::ring::avx512ifma {

namespace {

template <std::size_t Height>
void rows(const Tile& tile, word* low, word* high) {
    __m512i low_sum[Height], high_sum[Height];
#pragma GCC unroll 12
    for (std::size_t row = 0; row < Height; ++row) low_sum[row] = high_sum[row] = _mm512_setzero_si512();
    const word *a = tile.a, *b = tile.b;
    for (const word* const end = a + tile.depth; a != end; ++a, b += tile.width) {
        const __m512i y = _mm512_loadu_si512(b);
#pragma GCC unroll 12
        for (std::size_t row = 0; row < Height; ++row) {
            const __m512i x = _mm512_set1_epi64(static_cast<long long>(a[row * tile.a_stride]));
            low_sum[row] = _mm512_madd52lo_epu64(low_sum[row], x, y);
            high_sum[row] = _mm512_madd52hi_epu64(high_sum[row], x, y);
        }
    }
#pragma GCC unroll 12
    for (std::size_t row = 0; row < Height; ++row) {
        _mm512_storeu_si512(low + row * tile_columns, low_sum[row]);
        _mm512_storeu_si512(high + row * tile_columns, high_sum[row]);
    }
}

}  // namespace

void products(const Tile& tile, word* low, word* high) {
    constexpr decltype(&rows<1>) by_height[] = {rows<1>, rows<2>, rows<3>, rows<4>,  rows<5>,  rows<6>,
                                                rows<7>, rows<8>, rows<9>, rows<10>, rows<11>, rows<12>};
    by_height[tile.height - 1](tile, low, high);
}

}  // namespace trine::ring::avx512ifma
