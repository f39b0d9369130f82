// Arithmetic modulo 2^64 on whole arrays.
#pragma once

#include <memory>

#include "base/run.hpp"
#include "base/shape.hpp"
#include "base/span.hpp"
#include "ring/gemm.hpp"

namespace trine::ring::z2k {

// Element by element; `out` may be exactly `a` or `b`.
void add(ConstWords a, ConstWords b, Words out, Run run);
void sub(ConstWords a, ConstWords b, Words out, Run run);
void neg(ConstWords a, Words out, Run run);
void mul(ConstWords a, ConstWords b, Words out, Run run);

// out[outer, inner] = sum over the middle axis of a[outer, axis, inner]
void sum(ConstWords a, SumShape shape, Words out, Run run);
// Window sums, NHWC; windows that do not fit are left out.
void sumpool(ConstWords x, const PoolShape& shape, Words out, Run run);

void matmul(ConstWords a, ConstWords b, MatmulShape shape, Words out, Run run);
void conv2d(ConstWords x, ConstWords w, const ConvShape& shape, Words out, Run run);

const Z2kPath& path(Isa isa);
const GemmKernel& gemm_kernel(Isa isa);

}  // namespace trine::ring::z2k
