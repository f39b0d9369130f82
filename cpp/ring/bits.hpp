// Words as bits: dense packing for the wire, and bit-planes for word-parallel boolean arithmetic.
#pragma once

#include "base/span.hpp"

namespace trine::ring::bits {

constexpr std::size_t packed_bytes(std::size_t count, std::size_t width) {
    // Eight elements at a time, so that count * width cannot overflow before the arrays themselves would.
    return count / 8 * width + (count % 8 * width + 7) / 8;
}
constexpr std::size_t plane_words(std::size_t count) { return count / 64 + (count % 64 != 0); }

// Element e's low `width` bits become bits e * width .. of one little-endian bit string.
void pack(ConstWords x, std::size_t width, Bytes out, int threads);
void unpack(ConstBytes data, std::size_t width, Words out, int threads);

// The same, fused with an addition modulo 2^64: packs x + y, adds what it unpacks to `out`.
void pack_sum(ConstWords x, ConstWords y, std::size_t width, Bytes out);
void add_unpacked(ConstBytes data, std::size_t width, Words out);

// planes[width, plane_words(n)]: bit b of word v of plane j is bit low + j of x[64 v + b].
void to_planes(ConstWords x, std::size_t low, std::size_t width, Words planes, int threads);
void from_planes(ConstWords planes, std::size_t width, Words out, int threads);

}  // namespace trine::ring::bits
