// Evaluates the comparison polynomials of a group as linear maps on its table, on many words at once.
#include "mpc/compare.hpp"

#include <algorithm>

#include "base/parallel.hpp"

namespace trine::mpc::compare {

namespace {

constexpr std::size_t rows_per_group = 15;
constexpr std::size_t word_grain = elementwise_grain / 64;

// Words dealt with together, in loops that vectorise.
constexpr std::size_t lanes = 8;

template <std::size_t Bits, std::size_t Lanes>
void leaf_words(const u64* r, const u64* table, std::size_t words, u64 constant, u64* less, u64* equal) {
    constexpr std::size_t subsets = std::size_t{1} << Bits;
    // All three functionals with the monomial S of the bits not yet dealt with as a factor: t the constant 1,
    // l [C < R] and e [C == R] on the bits dealt with.
    u64 t[subsets][Lanes], l[subsets][Lanes], e[subsets][Lanes];
    for (std::size_t s = 0; s < subsets; ++s)
        for (std::size_t v = 0; v < Lanes; ++v) {
            t[s][v] = s == 0 ? constant : table[(s - 1) * words + v];
            l[s][v] = 0;
            e[s][v] = t[s][v];
        }
    for (std::size_t b = 0; b < Bits; ++b) {
        const std::size_t with = std::size_t{1} << b;
        for (std::size_t s = 0; s < subsets; s += 2 * with)
            for (std::size_t v = 0; v < Lanes; ++v) {
                const u64 bit = r[b * words + v];
                l[s][v] = (bit & (t[s][v] ^ t[s + with][v])) ^ (~bit & l[s][v]) ^ l[s + with][v];
                e[s][v] = (~bit & e[s][v]) ^ e[s + with][v];
            }
    }
    std::copy_n(l[0], Lanes, less);
    std::copy_n(e[0], Lanes, equal);
}

template <std::size_t Bits>
void leaf_group(const u64* r, const u64* table, std::size_t words, u64 constant, u64* less, u64* equal,
                std::size_t begin, std::size_t end) {
    std::size_t v = begin;
    for (; v + lanes <= end; v += lanes)
        leaf_words<Bits, lanes>(r + v, table + v, words, constant, less + v, equal + v);
    for (; v < end; ++v) leaf_words<Bits, 1>(r + v, table + v, words, constant, less + v, equal + v);
}

}  // namespace

void monomials(ConstWords c, std::size_t width, std::size_t words, Words out, int threads) {
    parallel_for(words, word_grain, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t g = 0; g < groups(width); ++g) {
            const std::size_t bits = std::min(group_bits, width - g * group_bits);
            const u64* const planes = c.data() + g * group_bits * words;
            u64* const rows = out.data() + g * rows_per_group * words;
            for (std::size_t s = 1; s < std::size_t{1} << bits; ++s) {
                const u64* const plane = planes + static_cast<std::size_t>(std::countr_zero(s)) * words;
                const std::size_t rest = s & (s - 1);
                u64* const row = rows + (s - 1) * words;
                if (rest == 0)
                    std::copy(plane + begin, plane + end, row + begin);
                else
                    for (std::size_t v = begin; v < end; ++v)
                        row[v] = plane[v] & rows[(rest - 1) * words + v];
            }
        }
    });
}

void leaf(ConstWords r, ConstWords table, std::size_t width, std::size_t words, bool constant, Words less,
          Words equal, int threads) {
    constexpr decltype(&leaf_group<4>) by_bits[] = {leaf_group<1>, leaf_group<2>, leaf_group<3>,
                                                    leaf_group<4>};
    parallel_for(words, word_grain, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t g = 0; g < groups(width); ++g) {
            const std::size_t bits = std::min(group_bits, width - g * group_bits);
            by_bits[bits - 1](r.data() + g * group_bits * words, table.data() + g * rows_per_group * words,
                              words, 0 - static_cast<u64>(constant), less.data() + g * words,
                              equal.data() + g * words, begin, end);
        }
    });
}

void merge(ConstWords less_a, ConstWords less_b, ConstWords equal_a, ConstWords equal_b, std::size_t groups,
           std::size_t words, Words out, int threads) {
    const std::size_t pairs = groups / 2;
    parallel_for(words, word_grain, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t pair = 0; pair < pairs; ++pair) {
            // Group g is row g of less, and row g - 1 of equal.
            const std::size_t low = 2 * pair * words, high = low + words;
            u64* const less = out.data() + (pairs - 1 + pair) * words;
            for (std::size_t v = begin; v < end; ++v) {
                const u64 ea = equal_a[low + v], eb = equal_b[low + v], la = less_a[low + v];
                less[v] = less_a[high + v] ^ (ea & (la ^ less_b[low + v])) ^ (eb & la);
            }
            if (pair == 0) continue;
            u64* const equal = out.data() + (pair - 1) * words;
            for (std::size_t v = begin; v < end; ++v) {
                const u64 ea = equal_a[low + v], eb = equal_b[low + v], fa = equal_a[low - words + v];
                equal[v] = (ea & (fa ^ equal_b[low - words + v])) ^ (eb & fa);
            }
        }
    });
}

}  // namespace trine::mpc::compare
