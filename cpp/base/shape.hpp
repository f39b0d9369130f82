// Sizes of matrices and images, with the one place where output sizes are worked out.
#pragma once

#include <array>
#include <cstddef>

#include "base/check.hpp"

namespace trine {

struct Range {
    std::size_t begin, end;
    constexpr std::size_t size() const { return end - begin; }
};

struct MatmulShape {
    std::size_t rows, depth, columns;
};

// How many places a window of `window` has along `length` (floor; 0 if it does not fit).
constexpr std::size_t window_places(std::size_t length, std::size_t window, std::size_t stride) {
    return length < window ? 0 : (length - window) / stride + 1;
}

// Images are [batch, height, width, channels]; kernels [kernel height, kernel width, channels, filters].
struct ConvShape {
    std::size_t batch, height, width, channels;
    std::size_t kernel_height, kernel_width, filters;
    std::array<std::size_t, 2> stride;
    std::array<std::size_t, 4> padding;  // top, bottom, left, right

    constexpr std::size_t out_height() const {
        return window_places(height + padding[0] + padding[1], kernel_height, stride[0]);
    }
    constexpr std::size_t out_width() const {
        return window_places(width + padding[2] + padding[3], kernel_width, stride[1]);
    }
    // A convolution is the product of its patches (one per output pixel) with the kernel.
    constexpr MatmulShape matmul() const {
        return {batch * out_height() * out_width(), kernel_height * kernel_width * channels, filters};
    }
};

struct PoolShape {
    std::size_t batch, height, width, channels;
    std::array<std::size_t, 2> window, stride;

    constexpr std::size_t out_height() const { return window_places(height, window[0], stride[0]); }
    constexpr std::size_t out_width() const { return window_places(width, window[1], stride[1]); }
};

struct SumShape {
    std::size_t outer, axis, inner;
};

}  // namespace trine
