// Works on 64 elements at a time, which fill whole words whatever their width.
#include "ring/bits.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/parallel.hpp"

namespace trine::ring::bits {

namespace {

// 64 elements of any width fill `width` whole words: the unit of work here.
constexpr std::size_t group = 64;
constexpr std::size_t group_grain = elementwise_grain / group;

constexpr u64 low_bits(std::size_t width) { return ~u64{0} >> (64 - width); }

// Widths of a machine type are conversions.
template <class Narrow>
void pack_as(const u64* x, std::size_t count, u8* out) {
    Narrow narrow[group];
    for (std::size_t i = 0; i < count; ++i) narrow[i] = static_cast<Narrow>(x[i]);
    std::memcpy(out, narrow, count * sizeof(Narrow));
}

template <class Narrow>
void unpack_as(const u8* data, std::size_t count, u64* out) {
    Narrow narrow[group];
    std::memcpy(narrow, data, count * sizeof(Narrow));
    for (std::size_t i = 0; i < count; ++i) out[i] = narrow[i];
}

// One group of 64 elements, or fewer at the end, into packed_bytes(count, width) bytes. Neighbours merge into
// elements of twice the width while that fits a word, in loops that vectorise; what is left goes one by one.
void pack_group(const u64* x, std::size_t count, std::size_t width, u8* out) {
    u64 buffers[2][group], words[group + 1];
    u64 *now = buffers[0], *next = buffers[1];
    for (std::size_t i = 0; i < count; ++i) now[i] = x[i] & low_bits(width);
    std::fill(now + count, now + group, 0);
    std::size_t elements = group, element_width = width;
    for (; element_width <= 32 && elements > 1; elements /= 2, element_width *= 2, std::swap(now, next))
        for (std::size_t i = 0; i < elements / 2; ++i) next[i] = now[2 * i] | now[2 * i + 1] << element_width;

    u64* word = words;
    u128 pending = 0;
    std::size_t filled = 0;
    for (std::size_t i = 0; i < elements; ++i) {
        pending |= u128{now[i]} << filled;
        filled += element_width;
        if (filled >= 64) {
            *word++ = static_cast<u64>(pending);
            pending >>= 64;
            filled -= 64;
        }
    }
    std::memcpy(out, words, packed_bytes(count, width));
}

void unpack_group(const u8* data, std::size_t count, std::size_t width, u64* out) {
    u64 words[group + 1] = {}, buffers[2][group];
    std::memcpy(words, data, packed_bytes(count, width));
    std::size_t elements = group, element_width = width;
    for (; element_width <= 32 && elements > 1; elements /= 2) element_width *= 2;

    u64 *now = buffers[0], *next = buffers[1];
    for (std::size_t i = 0; i < elements; ++i) {
        const u64* const word = words + i * element_width / 64;
        const std::size_t shift = i * element_width % 64;
        now[i] = (word[0] >> shift | word[1] << 1 << (63 - shift)) & low_bits(element_width);
    }
    for (; elements < group; elements *= 2, std::swap(now, next)) {
        element_width /= 2;
        for (std::size_t i = 0; i < elements; ++i) {
            next[2 * i] = now[i] & low_bits(element_width);
            next[2 * i + 1] = now[i] >> element_width;
        }
    }
    std::copy_n(now, count, out);
}

// Hacker's Delight 7-3, with row 0 as the lowest: swaps ever smaller off-diagonal blocks.
void transpose(u64 rows[group]) {
    u64 mask = 0x00000000FFFFFFFF;
    for (std::size_t half = 32; half != 0; half >>= 1, mask ^= mask << half) {
        for (std::size_t block = 0; block < group; block += 2 * half) {
            for (std::size_t i = block; i < block + half; ++i) {
                const u64 swap = ((rows[i] >> half) ^ rows[i + half]) & mask;
                rows[i] ^= swap << half;
                rows[i + half] ^= swap;
            }
        }
    }
}

template <class Body>
void each_group(std::size_t count, int threads, Body body) {
    parallel_for(plane_words(count), group_grain, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t g = begin; g < end; ++g) body(g, std::min(group, count - g * group));
    });
}

// Planes are written and read a cache line at a time: so many groups together.
constexpr std::size_t line = 8;

template <class Body>
void each_line(std::size_t count, int threads, Body body) {
    const std::size_t words = plane_words(count);
    parallel_for(words, group_grain, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t g = begin; g < end; g += line) body(g, std::min(line, end - g));
    });
}

}  // namespace

void pack(ConstWords x, std::size_t width, Bytes out, int threads) {
    each_group(x.size(), threads, [=](std::size_t g, std::size_t count) {
        const u64* const from = x.data() + g * group;
        u8* const to = out.data() + g * width * 8;
        switch (width) {
            case 8:
                return pack_as<u8>(from, count, to);
            case 16:
                return pack_as<std::uint16_t>(from, count, to);
            case 32:
                return pack_as<u32>(from, count, to);
            case 64:
                return pack_as<u64>(from, count, to);
            default:
                return pack_group(from, count, width, to);
        }
    });
}

void unpack(ConstBytes data, std::size_t width, Words out, int threads) {
    each_group(out.size(), threads, [=](std::size_t g, std::size_t count) {
        const u8* const from = data.data() + g * width * 8;
        u64* const to = out.data() + g * group;
        switch (width) {
            case 8:
                return unpack_as<u8>(from, count, to);
            case 16:
                return unpack_as<std::uint16_t>(from, count, to);
            case 32:
                return unpack_as<u32>(from, count, to);
            case 64:
                return unpack_as<u64>(from, count, to);
            default:
                return unpack_group(from, count, width, to);
        }
    });
}

void to_planes(ConstWords x, std::size_t width, Words planes, int threads) {
    const std::size_t words = plane_words(x.size());
    each_line(x.size(), threads, [=](std::size_t g, std::size_t groups) {
        u64 blocks[line][group] = {};
        std::copy_n(x.data() + g * group, std::min(groups * group, x.size() - g * group), blocks[0]);
        for (std::size_t i = 0; i < groups; ++i) transpose(blocks[i]);
        for (std::size_t j = 0; j < width; ++j)
            for (std::size_t i = 0; i < groups; ++i) planes[j * words + g + i] = blocks[i][j];
    });
}

void from_planes(ConstWords planes, std::size_t width, Words out, int threads) {
    const std::size_t words = plane_words(out.size());
    each_line(out.size(), threads, [=](std::size_t g, std::size_t groups) {
        u64 blocks[line][group] = {};
        for (std::size_t j = 0; j < width; ++j)
            for (std::size_t i = 0; i < groups; ++i) blocks[i][j] = planes[j * words + g + i];
        for (std::size_t i = 0; i < groups; ++i) transpose(blocks[i]);
        std::copy_n(blocks[0], std::min(groups * group, out.size() - g * group), out.data() + g * group);
    });
}

}  // namespace trine::ring::bits
