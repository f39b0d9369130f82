// Element-wise loops of the protocols, compiled once for each instruction set from one text (lanes.inl).
// Raw pointers and no library templates: what is compiled there must never be linked elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>

namespace trine::mpc {

// Planes hold a bit for each element: bit b of word v is element 64 v + b's. Outputs may be inputs.
struct Lanes {
    using word = std::uint64_t;

    // out = bit * half - pad
    void (*times_bit)(const word* half, const word* plane, const word* pad, word* out, std::size_t count);
    // out = (1 - 2 bit) * half - pad
    void (*times_sign)(const word* half, const word* plane, const word* pad, word* out, std::size_t count);
    // out = ((known & mask) >> shift) - pad
    void (*upper)(const word* known, word mask, unsigned shift, const word* pad, word* out,
                  std::size_t count);
    // out = base + (((1 - 2 flip) wrap + (top & flip)) << shift)
    void (*quotient)(const word* base, const word* wrap, const word* flip, const word* top, unsigned shift,
                     word* out, std::size_t count);
    // out = xa (ya + yb) + xb ya + zero
    void (*product)(const word* xa, const word* xb, const word* ya, const word* yb, const word* zero,
                    word* out, std::size_t count);
    // out = flip ? value - product : product
    void (*unflip)(const word* flip, const word* value, const word* product, word* out, std::size_t count);
};

}  // namespace trine::mpc
