// Truncation, comparison and ReLU from the first message to the last: the compiled counterparts of
// trine.mpc.truncation and trine.mpc.compare, which say what they do and why it is private. Messages and
// results are the same, bit for bit.
#pragma once

#include "mpc/protocol.hpp"
#include "mpc/randomness.hpp"

namespace trine::mpc::opening {

using randomness::Mask;
using randomness::Number;
using randomness::Shares;
using randomness::Sign;
using randomness::Truncation;

struct Ended {};

// `out` has the size of the result. With randomness given, what of it has not been dealt is dealt on the way;
// without, all of it is drawn first.
struct Result {
    Words a, b;
};
Protocol<Ended> truncate(Site& site, Number x, Truncation random, Result out);
Protocol<Ended> truncate(Site& site, Number x, std::size_t shift, std::size_t width, std::size_t out_width,
                         Result out);
Protocol<Ended> rectify(Site& site, Number x, Truncation truncation, Sign sign, Result out);
Protocol<Ended> rectify(Site& site, Number x, std::size_t shift, std::size_t width, std::size_t out_width,
                        Result out);
// [x >= 0] times each of `values`, as many as x or a multiple of that.
Protocol<Ended> sign_products(Site& site, Number x, Shares values, Mask mask, Sign sign, Result out);
Protocol<Ended> sign_products(Site& site, Number x, Shares values, std::size_t width, std::size_t out_width,
                              Result out);

}  // namespace trine::mpc::opening
