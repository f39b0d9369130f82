// One odd modulus below 2^62 and how to reduce by it without a division (Montgomery 1985).
#pragma once

#include "base/span.hpp"

namespace trine::ring {

class Modulus {
  public:
    explicit constexpr Modulus(u64 modulus)
        : q(modulus),
          word(static_cast<u64>((u128{1} << 64) % q)),
          word_squared(static_cast<u64>(u128{word} * word % q)) {
        // Newton: each step doubles the number of correct low bits of 1/q, starting from 3.
        u64 inverse = q;
        for (int step = 0; step < 5; ++step) inverse *= 2 - q * inverse;
        negative_inverse = 0 - inverse;
    }

    constexpr u64 add(u64 a, u64 b) const { return restore(a + b - q); }
    constexpr u64 sub(u64 a, u64 b) const { return restore(a - b); }
    constexpr u64 mul(u64 a, u64 b) const { return reduce(u128{a} * b); }

    // value mod q for any 128-bit value: its two words, each times 2^64 more than it is worth, go through one
    // Montgomery reduction, which takes that 2^64 away again.
    constexpr u64 reduce(u128 value) const {
        const u128 scaled = u128{high(value)} * word_squared + u128{low(value)} * word;  // < 2^65 q
        const u64 m = low(scaled) * negative_inverse;
        const u64 below_3q = high(scaled + u128{m} * q);
        return restore(restore(below_3q - q) - q);
    }

    // A number congruent to value and below 2^64 q.
    constexpr u128 fold(u128 value) const { return u128{high(value)} * word + low(value); }

    u64 q;
    u64 word;          // 2^64 mod q
    u64 word_squared;  // 2^128 mod q

  private:
    static constexpr u64 low(u128 value) { return static_cast<u64>(value); }
    static constexpr u64 high(u128 value) { return static_cast<u64>(value >> 64); }
    // Adds q to a "negative" word.
    constexpr u64 restore(u64 value) const { return value + (q & (0 - (value >> 63))); }

    u64 negative_inverse;  // -1/q mod 2^64
};

}  // namespace trine::ring
