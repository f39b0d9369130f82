// The only code compiled for AVX2: it runs where the processor has said so.
#include "ring/avx2.hpp"

#include <immintrin.h>

namespace trine::ring::avx2 {

namespace {

constexpr std::size_t lanes = 4;

__m256i load(const word* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
void store(word* to, __m256i value) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), value); }
__m256i broadcast(const word* from) { return _mm256_set1_epi64x(static_cast<long long>(*from)); }
__m256i broadcast_high(const word* from) {
    int high;
    __builtin_memcpy(&high, reinterpret_cast<const char*>(from) + 4, sizeof(high));
    return _mm256_set1_epi32(high);
}
__m256i swap_halves(__m256i a) { return _mm256_shuffle_epi32(a, 0xB1); }

// low + ((cross's two 32-bit lanes added) << 32)
__m256i combine(__m256i low, __m256i cross) {
    const __m256i sum = _mm256_add_epi32(cross, swap_halves(cross));
    return _mm256_add_epi64(
        low, _mm256_and_si256(sum, _mm256_set1_epi64x(static_cast<long long>(0xFFFFFFFF00000000))));
}

__m256i multiply_lanes(__m256i a, __m256i b) {
    return combine(_mm256_mul_epu32(a, b), _mm256_mullo_epi32(a, swap_halves(b)));
}

// All ones in the first `count` lanes.
__m256i first_lanes(std::size_t count) {
    alignas(32) static constexpr long long lane[lanes] = {0, 1, 2, 3};
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(static_cast<long long>(count)),
                              _mm256_load_si256(reinterpret_cast<const __m256i*>(lane)));
}

constexpr std::size_t tile_rows = 6, tile_columns = 4;
constexpr std::size_t prefetch_distance = 96;  // words: worth about 1 % of a large product

// The low halves' products are summed in 64-bit lanes, the cross products in 32-bit lanes (only their low
// half can reach the result), and the two sums meet once at the end.
template <std::size_t Height>
void multiply_rows(const Tile& tile) {
    __m256i low[Height], cross[Height];
#pragma GCC unroll 6
    for (std::size_t row = 0; row < Height; ++row) low[row] = cross[row] = _mm256_setzero_si256();
    const word *a = tile.a, *b = tile.b;
    for (const word* const end = a + tile.depth; a != end; ++a, b += tile.width) {
        _mm_prefetch(reinterpret_cast<const char*>(b + prefetch_distance), _MM_HINT_T0);
        const __m256i y = load(b), swapped = swap_halves(y);
#pragma GCC unroll 6
        for (std::size_t row = 0; row < Height; ++row) {
            const __m256i x = broadcast(a + row * tile.a_stride);
            low[row] = _mm256_add_epi64(low[row], _mm256_mul_epu32(x, y));
            cross[row] = _mm256_add_epi32(cross[row], _mm256_mullo_epi32(x, swapped));
        }
    }
#pragma GCC unroll 6
    for (std::size_t row = 0; row < Height; ++row) low[row] = combine(low[row], cross[row]);
    if (tile.width == lanes) {  // masked stores take many times as long
#pragma GCC unroll 6
        for (std::size_t row = 0; row < Height; ++row) {
            word* const out = tile.out + row * tile.out_stride;
            store(out, tile.add ? _mm256_add_epi64(low[row], load(out)) : low[row]);
        }
        return;
    }
    const __m256i mask = first_lanes(tile.width);
    for (std::size_t row = 0; row < Height; ++row) {
        auto* const out = reinterpret_cast<long long*>(tile.out + row * tile.out_stride);
        const __m256i old = _mm256_maskload_epi64(out, mask);
        _mm256_maskstore_epi64(out, mask, tile.add ? _mm256_add_epi64(low[row], old) : low[row]);
    }
}

void multiply(const Tile& tile) {
    constexpr decltype(&multiply_rows<1>) by_height[] = {multiply_rows<1>, multiply_rows<2>,
                                                         multiply_rows<3>, multiply_rows<4>,
                                                         multiply_rows<5>, multiply_rows<6>};
    by_height[tile.height - 1](tile);
}

template <class Vector, class Scalar>
void elementwise(const word* a, const word* b, word* out, std::size_t count, Vector vector, Scalar scalar) {
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) store(out + i, vector(load(a + i), load(b + i)));
    for (; i < count; ++i) out[i] = scalar(a[i], b[i]);
}

void add(const word* a, const word* b, word* out, std::size_t count) {
    elementwise(
        a, b, out, count, [](__m256i x, __m256i y) { return _mm256_add_epi64(x, y); },
        [](word x, word y) { return x + y; });
}

void sub(const word* a, const word* b, word* out, std::size_t count) {
    elementwise(
        a, b, out, count, [](__m256i x, __m256i y) { return _mm256_sub_epi64(x, y); },
        [](word x, word y) { return x - y; });
}

void mul(const word* a, const word* b, word* out, std::size_t count) {
    elementwise(a, b, out, count, multiply_lanes, [](word x, word y) { return x * y; });
}

void rss_mul(const word* xa, const word* xb, const word* ya, const word* yb, word* out, std::size_t count) {
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        const __m256i y = load(ya + i), sum = _mm256_add_epi64(y, load(yb + i));
        const __m256i a = load(xa + i), b = load(xb + i);
        const __m256i low = _mm256_add_epi64(_mm256_mul_epu32(a, sum), _mm256_mul_epu32(b, y));
        const __m256i cross =
            _mm256_add_epi32(_mm256_mullo_epi32(a, swap_halves(sum)), _mm256_mullo_epi32(b, swap_halves(y)));
        store(out + i, combine(low, cross));
    }
    for (; i < count; ++i) out[i] = xa[i] * (ya[i] + yb[i]) + xb[i] * ya[i];
}

}  // namespace

extern const Z2kPath z2k{tile_rows, tile_columns, multiply, add, sub, mul, rss_mul};

void limb_products(const Tile& tile, word* low, word* middle, word* high) {
    __m256i low_sum[field_tile_rows], middle_sum[field_tile_rows], high_sum[field_tile_rows];
#pragma GCC unroll 4
    for (std::size_t row = 0; row < field_tile_rows; ++row)
        low_sum[row] = middle_sum[row] = high_sum[row] = _mm256_setzero_si256();
    // Rows of `a` that the tile lacks are read from its last one; nobody looks at their sums.
    std::size_t offset[field_tile_rows];
    for (std::size_t row = 0; row < field_tile_rows; ++row)
        offset[row] = (row < tile.height ? row : tile.height - 1) * tile.a_stride;
    const word *a = tile.a, *b = tile.b;
    for (std::size_t k = 0; k < tile.depth; ++k, ++a, b += tile.width) {
        const __m256i y = load(b), y_high = _mm256_srli_epi64(y, 32), y_both = _mm256_add_epi64(y, y_high);
#pragma GCC unroll 4
        for (std::size_t row = 0; row < field_tile_rows; ++row) {
            const __m256i x = broadcast(a + offset[row]), x_high = broadcast_high(a + offset[row]);
            low_sum[row] = _mm256_add_epi64(low_sum[row], _mm256_mul_epu32(x, y));
            high_sum[row] = _mm256_add_epi64(high_sum[row], _mm256_mul_epu32(x_high, y_high));
            middle_sum[row] =
                _mm256_add_epi64(middle_sum[row], _mm256_mul_epu32(_mm256_add_epi32(x, x_high), y_both));
        }
    }
#pragma GCC unroll 4
    for (std::size_t row = 0; row < field_tile_rows; ++row) {
        store(low + row * field_tile_columns, low_sum[row]);
        store(middle + row * field_tile_columns, middle_sum[row]);
        store(high + row * field_tile_columns, high_sum[row]);
    }
}

void field_add(const word* a, const word* b, word prime, word* out, std::size_t count) {
    const __m256i q = _mm256_set1_epi64x(static_cast<long long>(prime));
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        // prime < 2^62, so every sum and difference has its true sign.
        const __m256i over = _mm256_sub_epi64(_mm256_add_epi64(load(a + i), load(b + i)), q);
        const __m256i negative = _mm256_cmpgt_epi64(_mm256_setzero_si256(), over);
        store(out + i, _mm256_add_epi64(over, _mm256_and_si256(negative, q)));
    }
    for (; i < count; ++i) {
        const word over = a[i] + b[i] - prime;
        out[i] = over + (prime & (0 - (over >> 63)));
    }
}

void field_sub(const word* a, const word* b, word prime, word* out, std::size_t count) {
    const __m256i q = _mm256_set1_epi64x(static_cast<long long>(prime));
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        const __m256i under = _mm256_sub_epi64(load(a + i), load(b + i));
        const __m256i negative = _mm256_cmpgt_epi64(_mm256_setzero_si256(), under);
        store(out + i, _mm256_add_epi64(under, _mm256_and_si256(negative, q)));
    }
    for (; i < count; ++i) {
        const word under = a[i] - b[i];
        out[i] = under + (prime & (0 - (under >> 63)));
    }
}

}  // namespace trine::ring::avx2
