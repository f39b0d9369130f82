// Comparison of shared bits, against comparing integers.
#include "mpc/compare.hpp"
#include "reference.hpp"
#include "ring/bits.hpp"

namespace trine::mpc {

using test::Array, test::random_words;

Array planes_of(const Array& x, std::size_t width) {
    Array planes(width * ring::bits::plane_words(x.size()));
    ring::bits::to_planes(x, 0, width, planes, 1);
    return planes;
}

// Compares c with r group by group through XOR shares, and checks every element of every group.
void check_comparison(const Array& c, const Array& r, std::size_t width, int threads) {
    const std::size_t words = ring::bits::plane_words(c.size()), groups = compare::groups(width);
    const Array c_planes = planes_of(c, width), r_planes = planes_of(r, width);
    Array table(compare::table_rows(width) * words);
    compare::monomials(c_planes, width, words, table, threads);
    Array first = random_words(table.size(), 5), second = table;
    for (std::size_t i = 0; i < table.size(); ++i) second[i] ^= first[i];

    Array less(groups * words), equal(less), other_less(less), other_equal(less);
    compare::leaf(r_planes, first, width, words, true, less, equal, threads);
    compare::leaf(r_planes, second, width, words, false, other_less, other_equal, threads);
    for (std::size_t g = 0; g < groups; ++g)
        for (std::size_t i = 0; i < c.size(); ++i) {
            const u64 mask = (width - 4 * g >= 4 ? 16 : u64{1} << (width - 4 * g)) - 1;
            const u64 ci = c[i] >> 4 * g & mask, ri = r[i] >> 4 * g & mask;
            const std::size_t word = g * words + i / 64, bit = i % 64;
            ASSERT_EQ((less[word] ^ other_less[word]) >> bit & 1, ci < ri) << width << " " << g << " " << i;
            ASSERT_EQ((equal[word] ^ other_equal[word]) >> bit & 1, ci == ri)
                << width << " " << g << " " << i;
        }
}

TEST(Compare, EveryPairOfSmallGroups) {
    for (std::size_t width = 1; width <= 4; ++width) {
        Array c, r;
        for (u64 pair = 0; pair < u64{1} << 2 * width; ++pair) {
            c.push_back(pair >> width);
            r.push_back(pair & ((1u << width) - 1));
        }
        check_comparison(c, r, width, 1);
    }
}

TEST(Compare, EveryWidth) {
    for (std::size_t width = 1; width <= 64; ++width)
        check_comparison(random_words(700, 1), random_words(700, 2), width, 3);
}

TEST(Compare, MonomialsAreProductsOfPlanes) {
    for (const std::size_t width : {1u, 3u, 4u, 6u, 11u}) {
        const std::size_t words = 3;
        const Array c = random_words(width * words, 3);
        Array table(compare::table_rows(width) * words, 99);
        compare::monomials(c, width, words, table, 1);
        std::size_t row = 0;
        for (std::size_t g = 0; g < width; g += 4)
            for (std::size_t s = 1; s < std::size_t{1} << std::min<std::size_t>(4, width - g); ++s, ++row)
                for (std::size_t v = 0; v < words; ++v) {
                    u64 product = ~u64{0};
                    for (std::size_t b = 0; b < 4; ++b)
                        if (s >> b & 1) product &= c[(g + b) * words + v];
                    ASSERT_EQ(table[row * words + v], product);
                }
        EXPECT_EQ(row, compare::table_rows(width));
    }
}

TEST(Compare, ThreadsChangeNothing) {
    const Array planes = random_words(std::size_t{7} * 4096, 1);
    const std::size_t rows = compare::table_rows(7), words = 4096;
    Array one(rows * words), three(rows * words);
    compare::monomials(planes, 7, words, one, 1);
    compare::monomials(planes, 7, words, three, 3);
    EXPECT_EQ(one, three);
    Array less_one(2 * words), equal_one(2 * words), less_three(2 * words), equal_three(2 * words);
    compare::leaf(planes, one, 7, words, true, less_one, equal_one, 1);
    compare::leaf(planes, one, 7, words, true, less_three, equal_three, 3);
    EXPECT_EQ(less_one, less_three);
    EXPECT_EQ(equal_one, equal_three);
}

TEST(Compare, MergingIsOneLevelOfTheTree) {
    for (const std::size_t groups : {2u, 3u, 6u, 9u}) {
        const std::size_t words = 5, pairs = groups / 2, rows = compare::merged_rows(groups);
        Array less[3], equal[3], merged(rows * words), part(merged);
        for (std::size_t i = 0; i < 3; ++i) {
            less[i] = random_words(groups * words, 10 + i);
            equal[i] = random_words((groups - 1) * words, 20 + i);
        }
        for (std::size_t i = 0; i < 3; ++i) {
            const std::size_t j = (i + 1) % 3;
            compare::merge(less[i], less[j], equal[i], equal[j], groups, words, part, 2);
            for (std::size_t v = 0; v < part.size(); ++v) merged[v] ^= part[v];
        }
        const auto opened = [&](const Array* shares, std::size_t row, std::size_t v) {
            const std::size_t at = row * words + v;
            return shares[0][at] ^ shares[1][at] ^ shares[2][at];
        };
        for (std::size_t pair = 0; pair < pairs; ++pair)
            for (std::size_t v = 0; v < words; ++v) {
                const u64 equal_high = opened(equal, 2 * pair, v);
                ASSERT_EQ(merged[(pairs - 1 + pair) * words + v],
                          opened(less, 2 * pair + 1, v) ^ (equal_high & opened(less, 2 * pair, v)));
                if (pair == 0) continue;
                ASSERT_EQ(merged[(pair - 1) * words + v], equal_high & opened(equal, 2 * pair - 1, v));
            }
    }
}

}  // namespace trine::mpc
