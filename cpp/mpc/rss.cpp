// Products of doubled depth, whose operands are put together block by block while they are packed.
#include "mpc/rss.hpp"

#include <algorithm>

#include "base/parallel.hpp"
#include "ring/avx2.hpp"
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

    Block read(Range rows, Range columns, u64* scratch) const override {
        if (columns.end <= left_columns_) return left_.read(rows, columns, scratch);
        if (columns.begin >= left_columns_)
            return right_.read(rows, {columns.begin - left_columns_, columns.end - left_columns_}, scratch);
        for (std::size_t row = rows.begin; row < rows.end; ++row) {
            u64* const to = scratch + (row - rows.begin) * columns.size();
            copy(left_, row, {columns.begin, left_columns_}, to);
            copy(right_, row, {0, columns.end - left_columns_}, to + (left_columns_ - columns.begin));
        }
        return {scratch, columns.size()};
    }

  private:
    static void copy(const BlockSource& from, std::size_t row, Range columns, u64* to) {
        const Block block = from.read({row, row + 1}, columns, to);
        if (block.data != to) std::copy_n(block.data, columns.size(), to);
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

    Block read(Range rows, Range columns, u64* scratch) const override {
        for (std::size_t row = rows.begin; row < rows.end; ++row) {
            const bool summed = row < rows_;
            const std::size_t first = (summed ? row : row - rows_) * columns_ + columns.begin;
            u64* const to = scratch + (row - rows.begin) * columns.size();
            std::copy_n(ya_.data() + first, columns.size(), to);
            if (summed)
                for (std::size_t i = 0; i < columns.size(); ++i) to[i] += yb_[first + i];
        }
        return {scratch, columns.size()};
    }

  private:
    ConstWords ya_, yb_;
    std::size_t rows_, columns_;
};

void multiply(const BlockSource& xa, const BlockSource& xb, ConstWords ya, ConstWords yb, MatmulShape shape,
              Words out, Run run) {
    const MatmulShape doubled{shape.rows, 2 * shape.depth, shape.columns};
    gemm(ring::z2k::gemm_kernel(run.isa), doubled, SideBySide(xa, xb, shape.depth),
         SumOverFirst(ya, yb, shape.depth, shape.columns), out.data(), run.threads);
}

}  // namespace

void mul(ConstWords xa, ConstWords xb, ConstWords ya, ConstWords yb, Words out, Run run) {
    parallel_for(out.size(), elementwise_grain, run.threads, [=](std::size_t begin, std::size_t end) {
#ifdef TRINE_AVX2
        if (run.isa == Isa::avx2) {
            ring::avx2::rss_mul(xa.data() + begin, xb.data() + begin, ya.data() + begin, yb.data() + begin,
                                out.data() + begin, end - begin);
            return;
        }
#endif
        for (std::size_t i = begin; i < end; ++i) out[i] = xa[i] * (ya[i] + yb[i]) + xb[i] * ya[i];
    });
}

void matmul(ConstWords xa, ConstWords xb, ConstWords ya, ConstWords yb, MatmulShape shape, Words out,
            Run run) {
    multiply(ring::Matrix(xa.data(), shape.depth), ring::Matrix(xb.data(), shape.depth), ya, yb, shape, out,
             run);
}

void conv2d(ConstWords xa, ConstWords xb, ConstWords wa, ConstWords wb, const ConvShape& shape, Words out,
            Run run) {
    multiply(ring::Patches(xa.data(), shape), ring::Patches(xb.data(), shape), wa, wb, shape.matmul(), out,
             run);
}

void and_words(ConstWords xa, ConstWords xb, ConstWords ya, ConstWords yb, Words out, Run run) {
    parallel_for(out.size(), elementwise_grain, run.threads, [=](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) out[i] = (xa[i] & (ya[i] ^ yb[i])) ^ (xb[i] & ya[i]);
    });
}

}  // namespace trine::mpc::rss
