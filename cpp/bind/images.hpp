// The shapes of images, kernels and their results, checked once for every ring.
#pragma once

#include "base/shape.hpp"
#include "bind/arguments.hpp"

namespace trine::bind {

// What a right operand is called and how large it is, packed or not.
struct Operand {
    std::string name;
    Shape shape;
};

inline MatmulShape matmul_shape(const In& a, const Operand& b, const Out& output) {
    require_dimensions(a.name, a.shape, 2, "[M, K]");
    require_dimensions(b.name, b.shape, 2, "[K, N]");
    require_shape(b.name, b.shape, {a.shape[1], b.shape[1]},
                  [&] { return a.name + " has the shape " + to_string(a.shape); });
    require_shape(output.name, output.shape, {a.shape[0], b.shape[1]},
                  [&] { return "rows of " + a.name + ", columns of " + b.name; });
    return {a.shape[0], a.shape[1], b.shape[1]};
}

inline MatmulShape matmul_shape(const In& a, const In& b, const Out& output) {
    return matmul_shape(a, Operand{b.name, b.shape}, output);
}

inline ConvShape conv_shape(const In& x, const Operand& w, const Out& output, const IntPair& stride,
                            const IntQuad& padding) {
    require_dimensions(x.name, x.shape, 4, "[N, H, W, C]");
    require_dimensions(w.name, w.shape, 4, "[KH, KW, C, O]");
    require_shape(w.name, w.shape, {w.shape[0], w.shape[1], x.shape[3], w.shape[3]},
                  [&] { return "as many channels as " + x.name + ", " + to_string(x.shape); });
    if (w.shape[0] == 0 || w.shape[1] == 0) throw py::value_error(w.name + " must be at least 1 x 1");
    const ConvShape shape{x.shape[0],
                          x.shape[1],
                          x.shape[2],
                          x.shape[3],
                          w.shape[0],
                          w.shape[1],
                          w.shape[3],
                          pair(stride, "stride", 1),
                          quad(padding, "padding", 0)};
    require_shape(output.name, output.shape,
                  {shape.batch, shape.out_height(), shape.out_width(), shape.filters}, "[N, OH, OW, O]");
    return shape;
}

inline ConvShape conv_shape(const In& x, const In& w, const Out& output, const IntPair& stride,
                            const IntQuad& padding) {
    return conv_shape(x, Operand{w.name, w.shape}, output, stride, padding);
}

inline PoolShape pool_shape(const In& x, const Out& output, const IntPair& window, const IntPair& stride) {
    require_dimensions(x.name, x.shape, 4, "[N, H, W, C]");
    const PoolShape shape{
        x.shape[0], x.shape[1], x.shape[2], x.shape[3], pair(window, "window", 1), pair(stride, "stride", 1)};
    require_shape(output.name, output.shape,
                  {shape.batch, shape.out_height(), shape.out_width(), shape.channels}, "[N, OH, OW, C]");
    return shape;
}

inline SumShape sum_shape(const In& a, const Out& output) {
    require_dimensions(a.name, a.shape, 3, "[outer, axis, inner]");
    require_shape(output.name, output.shape, {a.shape[0], a.shape[2]}, "[outer, inner]");
    return {a.shape[0], a.shape[1], a.shape[2]};
}

}  // namespace trine::bind
