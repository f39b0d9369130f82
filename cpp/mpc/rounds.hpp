// What a party computes between two messages of a truncation or comparison: each function fuses the
// arithmetic on elements with the packing of the message that they become.
#pragma once

#include "base/run.hpp"
#include "base/span.hpp"

namespace trine::mpc::rounds {

// All arrays are of one length but for planes (a bit an element) and messages (`width` bits an element).

// out = half times bit (or times 1 - 2 bit, if `signs`), less pad: and the message that says it.
void times_known(ConstWords half, ConstWords plane, ConstWords pad, bool signs, std::size_t width, Words out,
                 Bytes message, Isa isa);

// out = the bits of `known` from `shift` to `bits`, less pad: and the message that says it.
void share_upper(ConstWords known, std::size_t bits, std::size_t shift, ConstWords pad, std::size_t width,
                 Words out, Bytes message, Isa isa);

// One share of a truncated number: out = base + 2^shift ((1 - 2 flip) wrap + (top & flip)). `top` may be
// empty.
void quotient(ConstWords base, ConstWords wrap, ConstWords flip, ConstWords top, std::size_t shift, Words out,
              Isa isa);

// out = this party's additive part of x times y, plus zero: and the message that says it.
void multiply(ConstWords xa, ConstWords xb, ConstWords ya, ConstWords yb, ConstWords zero, std::size_t width,
              Words out, Bytes message, Isa isa);

// One share of sign times value, from that of (sign xor flip) times value: out = flip ? value - product :
// product.
void unflip(ConstWords flip, ConstWords value, ConstWords product, Words out, Isa isa);

}  // namespace trine::mpc::rounds
