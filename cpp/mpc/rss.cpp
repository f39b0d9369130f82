// Products of doubled depth, whose operands are put together block by block while they are packed.
#include "mpc/rss.hpp"

#include <algorithm>

#include "base/parallel.hpp"
#include "ring/conv.hpp"
#include "ring/z2k.hpp"

namespace trine::mpc::rss {

namespace {

using ring::Block;
using ring::BlockSource;

// [left | right]
class SideBySide final : public BlockSource {
  public:
    SideBySide(const BlockSource& left, const BlockSource& right, std::size_t left_columns)
        : left_(left), right_(right), left_columns_(left_columns) {}

    Block read(Range rows, Range columns, u64* scratch, std::size_t stride) const override {
        if (columns.end <= left_columns_) return left_.read(rows, columns, scratch, stride);
        if (columns.begin >= left_columns_)
            return right_.read(rows, {columns.begin - left_columns_, columns.end - left_columns_}, scratch,
                               stride);
        copy(left_, rows, {columns.begin, left_columns_}, scratch, stride);
        copy(right_, rows, {0, columns.end - left_columns_}, scratch + (left_columns_ - columns.begin),
             stride);
        return {scratch, stride};
    }

  private:
    static void copy(const BlockSource& from, Range rows, Range columns, u64* to, std::size_t stride) {
        const Block block = from.read(rows, columns, to, stride);
        if (block.data == to) return;
        for (std::size_t row = 0; row < rows.size(); ++row)
            std::copy_n(block.data + row * block.stride, columns.size(), to + row * stride);
    }

    const BlockSource& left_;
    const BlockSource& right_;
    std::size_t left_columns_;
};

// [ya + yb ; ya]
class SumOverFirst final : public BlockSource {
  public:
    SumOverFirst(ConstWords ya, ConstWords yb, std::size_t rows, std::size_t columns)
        : ya_(ya), yb_(yb), rows_(rows), columns_(columns) {}

    Block read(Range rows, Range columns, u64* scratch, std::size_t stride) const override {
        for (std::size_t row = rows.begin; row < rows.end; ++row) {
            const bool summed = row < rows_;
            const std::size_t first = (summed ? row : row - rows_) * columns_ + columns.begin;
            u64* const to = scratch + (row - rows.begin) * stride;
            std::copy_n(ya_.data() + first, columns.size(), to);
            if (summed)
                for (std::size_t i = 0; i < columns.size(); ++i) to[i] += yb_[first + i];
        }
        return {scratch, stride};
    }

  private:
    ConstWords ya_, yb_;
    std::size_t rows_, columns_;
};

MatmulShape doubled(MatmulShape shape) { return {shape.rows, 2 * shape.depth, shape.columns}; }

}  // namespace

void mul(ConstWords xa, ConstWords xb, ConstWords ya, ConstWords yb, Words out, Run run) {
    const auto kernel = ring::z2k::path(run.isa).rss_mul;
    parallel_for(out.size(), elementwise_grain, run.threads, [=](std::size_t begin, std::size_t end) {
        kernel(xa.data() + begin, xb.data() + begin, ya.data() + begin, yb.data() + begin, out.data() + begin,
               end - begin);
    });
}

void matmul(ConstWords xa, ConstWords xb, ConstWords ya, ConstWords yb, MatmulShape shape, Words out,
            Run run) {
    const ring::Matrix left(xa.data(), shape.depth), right(xb.data(), shape.depth);
    gemm(ring::z2k::gemm_kernel(run.isa), doubled(shape), SideBySide(left, right, shape.depth),
         SumOverFirst(ya, yb, shape.depth, shape.columns), out.data(), run.threads);
}

void conv2d(ConstWords xa, ConstWords xb, ConstWords wa, ConstWords wb, const ConvShape& shape, Words out,
            Run run) {
    const ring::Patches left(xa.data(), shape), right(xb.data(), shape);
    const MatmulShape product = shape.matmul();
    gemm(ring::z2k::gemm_kernel(run.isa), doubled(product), SideBySide(left, right, product.depth),
         SumOverFirst(wa, wb, product.depth, product.columns), out.data(), run.threads);
}

ring::PackedOperand pack(ConstWords ya, ConstWords yb, std::size_t depth, std::size_t columns, Isa isa) {
    return {ring::z2k::gemm_kernel(isa), SumOverFirst(ya, yb, depth, columns), 2 * depth, columns};
}

void matmul(ConstWords xa, ConstWords xb, const ring::PackedOperand& y, MatmulShape shape, Words out,
            int threads) {
    const ring::Matrix left(xa.data(), shape.depth), right(xb.data(), shape.depth);
    gemm(doubled(shape), SideBySide(left, right, shape.depth), y, out.data(), threads);
}

void conv2d(ConstWords xa, ConstWords xb, const ring::PackedOperand& w, const ConvShape& shape, Words out,
            int threads) {
    const ring::Patches left(xa.data(), shape), right(xb.data(), shape);
    const MatmulShape product = shape.matmul();
    gemm(doubled(product), SideBySide(left, right, product.depth), w, out.data(), threads);
}

void and_words(ConstWords xa, ConstWords xb, ConstWords ya, ConstWords yb, Words out, Run run) {
    parallel_for(out.size(), elementwise_grain, run.threads, [=](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) out[i] = (xa[i] & (ya[i] ^ yb[i])) ^ (xb[i] & ya[i]);
    });
}

}  // namespace trine::mpc::rss
