// A party's local half of products of replicated shares (Araki et al. 2016): party i holds xa = x_i, xb =
// x_{i+1} and finds its additive share xa (ya + yb) + xb ya of the product.
#pragma once

#include "base/run.hpp"
#include "base/shape.hpp"
#include "base/span.hpp"
#include "ring/gemm.hpp"

namespace trine::mpc::rss {

void mul(ConstWords xa, ConstWords xb, ConstWords ya, ConstWords yb, Words out, Run run);

// One product of twice the depth, [xa | xb] . [ya + yb ; ya], put together while packing.
void matmul(ConstWords xa, ConstWords xb, ConstWords ya, ConstWords yb, MatmulShape shape, Words out,
            Run run);
void conv2d(ConstWords xa, ConstWords xb, ConstWords wa, ConstWords wb, const ConvShape& shape, Words out,
            Run run);

// The right operand of `matmul` and `conv2d`, [ya + yb ; ya], packed once for many products.
ring::PackedOperand pack(ConstWords ya, ConstWords yb, std::size_t depth, std::size_t columns, Isa isa);
void matmul(ConstWords xa, ConstWords xb, const ring::PackedOperand& y, MatmulShape shape, Words out,
            int threads);
void conv2d(ConstWords xa, ConstWords xb, const ring::PackedOperand& w, const ConvShape& shape, Words out,
            int threads);

// The same over Z_2, 64 products a word: (xa & (ya ^ yb)) ^ (xb & ya).
void and_words(ConstWords xa, ConstWords xb, ConstWords ya, ConstWords yb, Words out, Run run);

}  // namespace trine::mpc::rss
