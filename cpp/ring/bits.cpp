// Works on 64 elements at a time, which fill whole words whatever their width.
#include "ring/bits.hpp"

#include <algorithm>
#include <cstring>

#include "base/parallel.hpp"

namespace trine::ring::bits {

namespace {

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

// Up to this width a number and the bits of a byte before it fit one word.
constexpr std::size_t narrow = 56;

// Eight elements at a time, since they fill whole bytes: so no eight wait for the eight before them.
void pack_group(const u64* x, std::size_t count, std::size_t width, u8* out) {
    u8 bytes[(group + 1) * sizeof(u64)];  // every store is of a whole word
    const u64 mask = low_bits(width);
    for (std::size_t begin = 0; begin < count; begin += 8) {
        u8* to = bytes + begin / 8 * width;
        u64 pending = 0;
        std::size_t filled = 0;
        for (std::size_t i = begin; i < std::min(begin + 8, count); ++i) {
            const u64 value = x[i] & mask;
            pending |= value << filled;
            std::memcpy(to, &pending, sizeof(pending));
            if (width <= narrow) {
                const std::size_t whole = (filled + width) / 8;
                pending >>= 8 * whole;
                to += whole;
                filled = (filled + width) % 8;
            } else if (filled + width >= 64) {
                pending = filled == 0 ? 0 : value >> (64 - filled);
                to += sizeof(pending);
                filled += width - 64;
                std::memcpy(to, &pending, sizeof(pending));
            } else {
                filled += width;
            }
        }
    }
    std::memcpy(out, bytes, packed_bytes(count, width));
}

void unpack_group(const u8* data, std::size_t count, std::size_t width, u64* out) {
    u8 bytes[(group + 2) * sizeof(u64)];  // every load is of a whole word
    std::memcpy(bytes, data, packed_bytes(count, width));
    std::memset(bytes + packed_bytes(count, width), 0, 2 * sizeof(u64));
    const u64 mask = low_bits(width);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t bit = i * width, shift = bit % 8;
        u64 word;
        std::memcpy(&word, bytes + bit / 8, sizeof(word));
        word >>= shift;
        if (width > narrow) word |= u64{bytes[bit / 8 + sizeof(word)]} << 1 << (63 - shift);
        out[i] = word & mask;
    }
}

void pack_any(const u64* x, std::size_t count, std::size_t width, u8* out) {
    switch (width) {
        case 8:
            return pack_as<u8>(x, count, out);
        case 16:
            return pack_as<std::uint16_t>(x, count, out);
        case 32:
            return pack_as<u32>(x, count, out);
        case 64:
            return pack_as<u64>(x, count, out);
        default:
            return pack_group(x, count, width, out);
    }
}

void unpack_any(const u8* data, std::size_t count, std::size_t width, u64* out) {
    switch (width) {
        case 8:
            return unpack_as<u8>(data, count, out);
        case 16:
            return unpack_as<std::uint16_t>(data, count, out);
        case 32:
            return unpack_as<u32>(data, count, out);
        case 64:
            return unpack_as<u64>(data, count, out);
        default:
            return unpack_group(data, count, width, out);
    }
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
        pack_any(x.data() + g * group, count, width, out.data() + g * width * 8);
    });
}

void unpack(ConstBytes data, std::size_t width, Words out, int threads) {
    each_group(out.size(), threads, [=](std::size_t g, std::size_t count) {
        unpack_any(data.data() + g * width * 8, count, width, out.data() + g * group);
    });
}

void pack_sum(ConstWords x, ConstWords y, std::size_t width, Bytes out) {
    each_group(x.size(), 1, [=](std::size_t g, std::size_t count) {
        u64 sums[group];
        for (std::size_t i = 0; i < count; ++i) sums[i] = x[g * group + i] + y[g * group + i];
        pack_any(sums, count, width, out.data() + g * width * 8);
    });
}

void add_unpacked(ConstBytes data, std::size_t width, Words out) {
    each_group(out.size(), 1, [=](std::size_t g, std::size_t count) {
        u64 addends[group];
        unpack_any(data.data() + g * width * 8, count, width, addends);
        for (std::size_t i = 0; i < count; ++i) out[g * group + i] += addends[i];
    });
}

void to_planes(ConstWords x, std::size_t low, std::size_t width, Words planes, int threads) {
    const std::size_t words = plane_words(x.size());
    each_line(x.size(), threads, [=](std::size_t g, std::size_t groups) {
        u64 blocks[line][group] = {};
        std::copy_n(x.data() + g * group, std::min(groups * group, x.size() - g * group), blocks[0]);
        for (std::size_t i = 0; i < groups; ++i) transpose(blocks[i]);
        for (std::size_t j = 0; j < width; ++j)
            for (std::size_t i = 0; i < groups; ++i) planes[j * words + g + i] = blocks[i][low + j];
    });
}

void from_planes(ConstWords planes, std::size_t width, Words out, int threads) {
    if (width == 1) {
        each_group(out.size(), threads, [=](std::size_t g, std::size_t count) {
            for (std::size_t i = 0; i < count; ++i) out[g * group + i] = (planes[g] >> i) & 1;
        });
        return;
    }
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
