// Splits a range of independent work over a few threads.
#pragma once

#include <cstddef>
#include <functional>

namespace trine {

// Calls body(begin, end) on disjoint ranges that cover [0, count), on at most `threads` threads, each
// range a multiple of `grain` (but for the last). The first exception of any range is thrown again here.
void parallel_for(std::size_t count, std::size_t grain, int threads,
                  const std::function<void(std::size_t, std::size_t)>& body);

// Elements below which another thread costs more than it brings in an element-wise kernel.
inline constexpr std::size_t elementwise_grain = std::size_t{1} << 15;

// Calls body(i) for every i < count: for loops so plain that the compiler vectorises them.
template <class Body>
void parallel_each(std::size_t count, int threads, Body body) {
    parallel_for(count, elementwise_grain, threads, [=](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) body(i);
    });
}

}  // namespace trine
