// Arithmetic modulo an odd prime below 2^62 on whole arrays of residues; branch-free on their values.
#pragma once

#include "base/run.hpp"
#include "base/shape.hpp"
#include "base/span.hpp"

namespace trine::ring::field {

// Throws std::invalid_argument unless 2 < prime < 2^62 and prime is odd (all that the arithmetic relies on).
void require_modulus(u64 prime);
// Whether every word is below `prime`.
bool all_residues(ConstWords a, u64 prime, int threads);

// Element by element; `out` may be exactly `a` or `b`.
void add(ConstWords a, ConstWords b, u64 prime, Words out, Run run);
void sub(ConstWords a, ConstWords b, u64 prime, Words out, Run run);
void neg(ConstWords a, u64 prime, Words out, Run run);
void mul(ConstWords a, ConstWords b, u64 prime, Words out, Run run);

void sum(ConstWords a, SumShape shape, u64 prime, Words out, Run run);
void sumpool(ConstWords x, const PoolShape& shape, u64 prime, Words out, Run run);

void matmul(ConstWords a, ConstWords b, MatmulShape shape, u64 prime, Words out, Run run);
void conv2d(ConstWords x, ConstWords w, const ConvShape& shape, u64 prime, Words out, Run run);

}  // namespace trine::ring::field
