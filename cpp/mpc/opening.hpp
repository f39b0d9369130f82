// Truncation, comparison and ReLU from the first message to the last: the compiled counterparts of
// trine.mpc.truncation and trine.mpc.compare, which say what they do and why it is private. Messages and
// results are the same, bit for bit.
#pragma once

#include "mpc/protocol.hpp"

namespace trine::mpc::opening {

struct Ended {};

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

// Each takes what is dealt or, if it is not there, deals it on the way. `out` has the size of the result.
struct Result {
    Words a, b;
};
Protocol<Ended> truncate(Site& site, Number x, Truncation random, Result out);
Protocol<Ended> rectify(Site& site, Number x, Truncation truncation, Sign sign, Result out);
// [x >= 0] times each of `values`, as many as x or a multiple of that.
Protocol<Ended> sign_products(Site& site, Number x, Shares values, Mask mask, Sign sign, Result out);

}  // namespace trine::mpc::opening
