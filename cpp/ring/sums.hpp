// Sums along an axis and over windows, for any ring, given how it adds two elements.
#pragma once

#include <algorithm>
#include <numeric>

#include "base/parallel.hpp"
#include "base/shape.hpp"
#include "base/span.hpp"

namespace trine::ring {

template <class Add>
void add_row(const u64* addend, std::size_t count, u64* out, Add add) {
    for (std::size_t i = 0; i < count; ++i) out[i] = add(out[i], addend[i]);
}

// Work items, each this many additions, that are worth a thread.
inline std::size_t additions_grain(std::size_t additions) {
    return elementwise_grain / std::max<std::size_t>(additions, 1) + 1;
}

template <class Add>
void sum_axis(ConstWords a, SumShape shape, Words out, int threads, Add add) {
    if (out.empty()) return;
    parallel_for(shape.outer, additions_grain(shape.axis * shape.inner), threads,
                 [&](std::size_t begin, std::size_t end) {
                     for (std::size_t o = begin; o < end; ++o) {
                         const u64* const terms = a.data() + o * shape.axis * shape.inner;
                         u64* const total = out.data() + o * shape.inner;
                         if (shape.inner == 1) {  // keeps the running sum in a register
                             total[0] = std::accumulate(terms, terms + shape.axis, u64{0}, add);
                             continue;
                         }
                         std::fill_n(total, shape.inner, 0);
                         for (std::size_t k = 0; k < shape.axis; ++k)
                             add_row(terms + k * shape.inner, shape.inner, total, add);
                     }
                 });
}

template <class Add>
void sum_windows(ConstWords x, const PoolShape& shape, Words out, int threads, Add add) {
    if (out.empty()) return;
    const std::size_t out_height = shape.out_height(), line = shape.out_width() * shape.channels;
    const std::size_t additions = line * shape.window[0] * shape.window[1];
    parallel_for(
        shape.batch * out_height, additions_grain(additions), threads,
        [&](std::size_t begin, std::size_t end) {
            for (std::size_t row = begin; row < end; ++row) {
                const std::size_t image = row / out_height, y = row % out_height * shape.stride[0];
                u64* total = out.data() + row * line;
                for (std::size_t out_x = 0; out_x < shape.out_width(); ++out_x, total += shape.channels) {
                    std::fill_n(total, shape.channels, 0);
                    for (std::size_t dy = 0; dy < shape.window[0]; ++dy) {
                        const std::size_t pixel =
                            (image * shape.height + y + dy) * shape.width + out_x * shape.stride[1];
                        for (std::size_t dx = 0; dx < shape.window[1]; ++dx)
                            add_row(x.data() + (pixel + dx) * shape.channels, shape.channels, total, add);
                    }
                }
            }
        });
}

}  // namespace trine::ring
