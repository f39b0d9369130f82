// Works in chunks that stay in L1 from the arithmetic to the packing.
#include "mpc/rounds.hpp"

#include <algorithm>

#include "mpc/lanes.hpp"
#include "ring/bits.hpp"

namespace trine::mpc {

extern const Lanes portable_lanes;
#ifdef TRINE_X86
extern const Lanes avx2_lanes, avx512_lanes;
#endif

namespace {

const Lanes& lanes([[maybe_unused]] Isa isa) {
#ifdef TRINE_X86
    if (isa == Isa::avx512) return avx512_lanes;
    if (isa == Isa::avx2) return avx2_lanes;
#endif
    return portable_lanes;
}

constexpr std::size_t chunk = 512;

// Calls body(begin, count) on chunks of `out` and packs each when it is done.
template <class Body>
void packed(Words out, std::size_t width, Bytes message, Body body) {
    for (std::size_t begin = 0; begin < out.size(); begin += chunk) {
        const std::size_t count = std::min(chunk, out.size() - begin);
        body(begin, count);
        ring::bits::pack(out.subspan(begin, count), width,
                         message.subspan(begin / 8 * width, ring::bits::packed_bytes(count, width)), 1);
    }
}

}  // namespace

namespace rounds {

void times_known(ConstWords half, ConstWords plane, ConstWords pad, bool signs, std::size_t width, Words out,
                 Bytes message, Isa isa) {
    const auto times = signs ? lanes(isa).times_sign : lanes(isa).times_bit;
    packed(out, width, message, [&](std::size_t i, std::size_t count) {
        times(&half[i], &plane[i / 64], &pad[i], &out[i], count);
    });
}

void share_upper(ConstWords known, std::size_t bits, std::size_t shift, ConstWords pad, std::size_t width,
                 Words out, Bytes message, Isa isa) {
    const u64 mask = ~u64{0} >> (64 - bits);
    packed(out, width, message, [&](std::size_t i, std::size_t count) {
        lanes(isa).upper(&known[i], mask, static_cast<unsigned>(shift), &pad[i], &out[i], count);
    });
}

void quotient(ConstWords base, ConstWords wrap, ConstWords flip, ConstWords top, std::size_t shift, Words out,
              Isa isa) {
    lanes(isa).quotient(base.data(), wrap.data(), flip.data(), top.empty() ? nullptr : top.data(),
                        static_cast<unsigned>(shift), out.data(), out.size());
}

void multiply(ConstWords xa, ConstWords xb, ConstWords ya, ConstWords yb, ConstWords zero, std::size_t width,
              Words out, Bytes message, Isa isa) {
    packed(out, width, message, [&](std::size_t i, std::size_t count) {
        lanes(isa).product(&xa[i], &xb[i], &ya[i], &yb[i], &zero[i], &out[i], count);
    });
}

void unflip(ConstWords flip, ConstWords value, ConstWords product, Words out, Isa isa) {
    lanes(isa).unflip(flip.data(), value.data(), product.data(), out.data(), out.size());
}

}  // namespace rounds

}  // namespace trine::mpc
