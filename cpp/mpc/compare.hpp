// Comparing a public bit string with a shared one, four bits at a time, through a shared table of monomials.
#pragma once

#include "base/span.hpp"

namespace trine::mpc::compare {

inline constexpr std::size_t group_bits = 4;

constexpr std::size_t groups(std::size_t width) { return (width + group_bits - 1) / group_bits; }
// 2^b - 1 non-empty monomials for each group of b bits.
constexpr std::size_t table_rows(std::size_t width) {
    return 15 * (width / group_bits) + ((std::size_t{1} << width % group_bits) - 1);
}

// c[width, words] -> out[table_rows(width), words]: for each group from the low end, for S = 1, 2, ..., the
// AND of the planes whose bits are set in S.
void monomials(ConstWords c, std::size_t width, std::size_t words, Words out, int threads);

// From an XOR share of monomials(C) this share of [C < R] and [C == R] on each group's bits: both are linear
// in the table. `constant` says whether this share also carries the empty monomial, 1.
void leaf(ConstWords r, ConstWords table, std::size_t width, std::size_t words, bool constant, Words less,
          Words equal, int threads);

// Rows that a merge of `groups` groups leaves: [C == R] of every pair but the lowest, then [C < R] of all.
constexpr std::size_t merged_rows(std::size_t groups) { return 2 * (groups / 2) - 1; }

// What the tree begins with: [C == R] of every group but the lowest, then [C < R] of all.
constexpr std::size_t pair_rows(std::size_t groups) { return 2 * groups - 1; }

// One level of the tree, on replicated shares: this party's XOR part of [C == R] of each pair of groups but
// the lowest, equal_high & equal_low, and of [C < R] of each, less_high ^ (equal_high & less_low).
// less[groups, words]; equal[groups - 1, words] lacks the lowest group; out[merged_rows(groups), words].
// An odd group at the high end is left to the caller. At least two groups.
void merge(ConstWords less_a, ConstWords less_b, ConstWords equal_a, ConstWords equal_b, std::size_t groups,
           std::size_t words, Words out, int threads);

}  // namespace trine::mpc::compare
