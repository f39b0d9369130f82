// Loops so plain that the compiler vectorises them; the including file says for which instruction set.

namespace {

using word = trine::mpc::Lanes::word;

constexpr std::size_t group = 64;

// Calls body(element, its bit) in runs of 64 elements, whose bits are one word of the plane.
template <class Body>
inline void each_bit(const word* plane, std::size_t count, Body body) {
    for (std::size_t begin = 0; begin < count; begin += group) {
        const word bits = plane[begin / group];
        if (count - begin >= group) {
            for (std::size_t b = 0; b < group; ++b) body(begin + b, (bits >> b) & 1);
        } else {
            for (std::size_t b = 0; b < count - begin; ++b) body(begin + b, (bits >> b) & 1);
        }
    }
}

void times_bit(const word* half, const word* plane, const word* pad, word* out, std::size_t count) {
    each_bit(plane, count, [=](std::size_t i, word bit) { out[i] = (half[i] & (0 - bit)) - pad[i]; });
}

void times_sign(const word* half, const word* plane, const word* pad, word* out, std::size_t count) {
    each_bit(plane, count, [=](std::size_t i, word bit) { out[i] = ((half[i] ^ (0 - bit)) + bit) - pad[i]; });
}

void upper(const word* known, word mask, unsigned shift, const word* pad, word* out, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out[i] = ((known[i] & mask) >> shift) - pad[i];
}

void quotient(const word* base, const word* wrap, const word* flip, const word* top, unsigned shift,
              word* out, std::size_t count) {
    if (top == nullptr) {
        each_bit(flip, count, [=](std::size_t i, word bit) {
            out[i] = base[i] + (((wrap[i] ^ (0 - bit)) + bit) << shift);
        });
        return;
    }
    for (std::size_t begin = 0; begin < count; begin += group) {
        const word flips = flip[begin / group], both = flips & top[begin / group];
        const std::size_t here = count - begin < group ? count - begin : group;
        for (std::size_t b = 0; b < here; ++b) {
            const std::size_t i = begin + b;
            const word bit = (flips >> b) & 1;
            out[i] = base[i] + (((wrap[i] ^ (0 - bit)) + bit + ((both >> b) & 1)) << shift);
        }
    }
}

void product(const word* xa, const word* xb, const word* ya, const word* yb, const word* zero, word* out,
             std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out[i] = xa[i] * (ya[i] + yb[i]) + xb[i] * ya[i] + zero[i];
}

void unflip(const word* flip, const word* value, const word* products, word* out, std::size_t count) {
    each_bit(flip, count, [=](std::size_t i, word bit) {
        const word given = products[i];
        out[i] = ((value[i] - (given << 1)) & (0 - bit)) + given;
    });
}

constexpr trine::mpc::Lanes here{times_bit, times_sign, upper, quotient, product, unflip};

}  // namespace
