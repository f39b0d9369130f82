// What one truncation, comparison or ReLU uses up: drawn here, or made ahead of it and handed over.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "mpc/protocol.hpp"

namespace trine::mpc::randomness {

// x_i and x_{i+1}.
struct Shares {
    ConstWords a, b;
};

// What is opened: a replicated sharing, or this party's additive part, `a`, alone.
struct Number {
    ConstWords a, b;
    bool additive;
    std::size_t count() const { return a.size(); }
};

// Randomness is laid out as in the Python classes of these names. What a party does not have is empty; what
// is dealt is null until then.
struct Mask {
    ConstWords r, pad;
};

struct Truncation {
    std::size_t shift, width, out_width;
    Mask mask;
    std::array<ConstWords, 2> base;
    ConstWords bit;
    std::optional<Shares> wrap;

    std::size_t excess() const {
        const std::size_t kept = width + 1 - shift;
        return out_width > kept ? out_width - kept : 0;
    }
};

struct Sign {
    std::size_t width, out_width;  // bits that are compared, that of the sign included
    ConstWords planes, bit, table;
    std::array<ConstWords, 2> halves;
    std::vector<ConstWords> zeros;
    ConstWords zero;
    std::optional<Shares> numbers;
};

// These throw std::invalid_argument unless a party's randomness for so many elements has the sizes that the
// protocols rely on, for `values` products with each sign.
void require_fit(int party, const Number& x, const Truncation& random);
void require_fit(int party, std::size_t count, std::size_t values, const Sign& random);
// Of a replicated sharing.
void require_fit(int party, std::size_t count, const Mask& mask);

// Draws from the site's keys what takes no messages, in the order of trine.mpc.truncation.draw_truncation,
// trine.mpc.compare.draw_rectify (its second half) and trine.mpc.compare.draw_sign_products.
Truncation draw_truncation(Site& site, const Number& x, std::size_t shift, std::size_t width,
                           std::size_t out_width);
Sign draw_rectified_sign(Site& site, const Truncation& truncation);
struct Masked {
    Mask mask;
    Sign sign;
};
Masked draw_sign_products(Site& site, std::size_t count, std::size_t values, std::size_t width,
                          std::size_t out_width);

}  // namespace trine::mpc::randomness
