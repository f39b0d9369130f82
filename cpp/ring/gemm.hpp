// The blocked matrix product, for every ring and every kind of operand.
#pragma once

#include "base/shape.hpp"
#include "base/span.hpp"

namespace trine::ring {

// A rectangle of words, each row `stride` after the one before.
struct Block {
    const u64* data;
    std::size_t stride;
};

// A matrix that can show any block of itself; products pack their operands through this, so that patches of
// images, matrices side by side and sums of shares need never exist in memory as a whole.
class BlockSource {
  public:
    virtual ~BlockSource() = default;
    // The block is either where the matrix lies or written to `scratch`, which has room for it.
    virtual Block read(Range rows, Range columns, u64* scratch) const = 0;
};

class Matrix final : public BlockSource {
  public:
    Matrix(const u64* data, std::size_t columns) : data_(data), columns_(columns) {}
    Block read(Range rows, Range columns, u64* scratch) const override;

  private:
    const u64* data_;
    std::size_t columns_;
};

// What a product needs from its ring: the product of two packed panels, as high and as wide as registers
// allow.
class GemmKernel {
  public:
    GemmKernel(std::size_t tile_rows, std::size_t tile_columns) : rows(tile_rows), columns(tile_columns) {}
    virtual ~GemmKernel() = default;

    // Puts elements into the form that `multiply_add` wants; `scratch` has room for the block and may hold
    // it.
    virtual Block prepare(Block block, std::size_t block_rows, std::size_t block_columns, u64* scratch) const;

    // out[height, width] += sum over k < depth of a[k, height] b[k, width], with height <= rows, width <=
    // columns. Packed panels have all `rows` and `columns` at each k.
    virtual void multiply_add(std::size_t depth, const u64* a, const u64* b, std::size_t height,
                              std::size_t width, u64* out, std::size_t out_stride) const = 0;

    const std::size_t rows, columns;
};

// out[rows, columns] = a[rows, depth] . b[depth, columns]; the same bits for every number of threads.
void gemm(const GemmKernel& kernel, MatmulShape shape, const BlockSource& a, const BlockSource& b, u64* out,
          int threads);

}  // namespace trine::ring
