// What the code paths of all instruction sets have in common: plain data and function types. Files that are
// compiled for one instruction set include this and no library templates, so that nothing compiled there can
// be linked elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>

namespace trine::ring {

using word = std::uint64_t;

// out[height, width] = (`add` ? out : 0) + a[height, depth] . b[depth, width]. Rows of b lie end to end;
// whole vectors are read of them, so `readable_beyond` more words must be readable after the last.
struct Tile {
    std::size_t depth, height, width;
    const word* a;
    std::size_t a_stride;
    const word* b;
    word* out;
    std::size_t out_stride;
    bool add;
};

inline constexpr std::size_t readable_beyond = 15;

// Arithmetic modulo 2^64 in one instruction set; `out` may be exactly an input.
struct Z2kPath {
    std::size_t tile_rows, tile_columns;  // the largest tile that `multiply` takes
    void (*multiply)(const Tile& tile);
    void (*add)(const word* a, const word* b, word* out, std::size_t count);
    void (*sub)(const word* a, const word* b, word* out, std::size_t count);
    void (*mul)(const word* a, const word* b, word* out, std::size_t count);
    // out = xa (ya + yb) + xb ya
    void (*rss_mul)(const word* xa, const word* xb, const word* ya, const word* yb, word* out,
                    std::size_t count);
};

}  // namespace trine::ring
