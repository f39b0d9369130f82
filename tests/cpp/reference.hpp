// What the kernels' tests share: random words, and references as plain as can be.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <vector>

#include "base/cpu.hpp"
#include "base/run.hpp"
#include "base/shape.hpp"
#include "base/span.hpp"

namespace trine::test {

using Array = std::vector<u64>;

// Words of a fixed seed; all of them, or residues.
inline Array random_words(std::size_t count, u64 seed, u64 modulus = 0) {
    std::mt19937_64 generator(seed);
    Array words(count);
    for (u64& word : words) word = modulus == 0 ? generator() : generator() % modulus;
    return words;
}

// Every way in which a kernel can run.
inline std::vector<Run> all_runs() {
    std::vector<Run> runs;
    for (const auto& name : available_isas())
        for (const int threads : {1, 2, 3, 4}) runs.push_back({isa_from_name(name), threads});
    return runs;
}

// Modulo 2^64 if `modulus` is 0.
inline u64 reduce(u128 value, u64 modulus) {
    return modulus == 0 ? static_cast<u64>(value) : static_cast<u64>(value % modulus);
}

inline Array matmul(const Array& a, const Array& b, MatmulShape shape, u64 modulus = 0) {
    Array out(shape.rows * shape.columns);
    for (std::size_t i = 0; i < shape.rows; ++i)
        for (std::size_t j = 0; j < shape.columns; ++j)
            for (std::size_t k = 0; k < shape.depth; ++k)
                out[i * shape.columns + j] =
                    reduce(out[i * shape.columns + j] +
                               u128{reduce(u128{a[i * shape.depth + k]} * b[k * shape.columns + j], modulus)},
                           modulus);
    return out;
}

// The definition, one output element after the other.
inline Array conv2d(const Array& x, const Array& w, const ConvShape& s, u64 modulus = 0) {
    Array out;
    for (std::size_t n = 0; n < s.batch; ++n)
        for (std::size_t oy = 0; oy < s.out_height(); ++oy)
            for (std::size_t ox = 0; ox < s.out_width(); ++ox)
                for (std::size_t o = 0; o < s.filters; ++o) {
                    u64 sum = 0;
                    for (std::size_t ky = 0; ky < s.kernel_height; ++ky)
                        for (std::size_t kx = 0; kx < s.kernel_width; ++kx)
                            for (std::size_t c = 0; c < s.channels; ++c) {
                                const std::size_t y = oy * s.stride[0] + ky - s.padding[0];
                                const std::size_t x_at = ox * s.stride[1] + kx - s.padding[2];
                                if (y >= s.height || x_at >= s.width) continue;  // also where it went below 0
                                const u64 pixel = x[((n * s.height + y) * s.width + x_at) * s.channels + c];
                                const u64 weight =
                                    w[((ky * s.kernel_width + kx) * s.channels + c) * s.filters + o];
                                sum = reduce(u128{sum} + reduce(u128{pixel} * weight, modulus), modulus);
                            }
                    out.push_back(sum);
                }
    return out;
}

inline const std::vector<MatmulShape> matmul_shapes = {
    {0, 3, 4},    {3, 0, 4},      {3, 4, 0},     {1, 1, 1},     {1, 300, 1},  {5, 7, 3},
    {6, 256, 4},  {7, 257, 5},    {15, 249, 5},  {15, 512, 5},  {97, 33, 65}, {13, 520, 70},
    {3, 2, 1030}, {70, 260, 130}, {260, 70, 66}, {3, 300, 900}, {5, 1100, 9}};

// A product for every tile that a kernel can be asked for.
inline std::vector<MatmulShape> tile_shapes() {
    std::vector<MatmulShape> shapes;
    for (std::size_t rows = 1; rows <= 13; ++rows)
        for (std::size_t columns = 1; columns <= 17; ++columns) shapes.push_back({rows, 5, columns});
    return shapes;
}

inline const std::vector<ConvShape> conv_shapes = {
    {1, 5, 5, 1, 3, 3, 2, {1, 1}, {0, 0, 0, 0}}, {2, 9, 8, 3, 3, 2, 5, {2, 3}, {1, 2, 3, 4}},
    {1, 4, 4, 2, 1, 1, 7, {1, 1}, {0, 0, 0, 0}}, {2, 3, 3, 2, 5, 5, 3, {1, 1}, {1, 1, 1, 1}},
    {1, 2, 2, 1, 3, 3, 1, {1, 1}, {0, 0, 0, 0}}, {1, 3, 3, 130, 3, 3, 2, {1, 1}, {1, 1, 1, 1}},
    {0, 5, 5, 1, 3, 3, 2, {1, 1}, {0, 0, 0, 0}}, {1, 2, 2, 1, 2, 2, 1, {1, 1}, {5, 0, 0, 6}},
    {1, 5, 5, 0, 3, 3, 2, {1, 1}, {0, 0, 0, 0}}};

}  // namespace trine::test
