// The blocked matrix product, for every ring and every kind of operand.
#pragma once

#include "base/buffer.hpp"
#include "base/shape.hpp"
#include "base/span.hpp"
#include "ring/tile.hpp"

namespace trine::ring {

// A rectangle of words, each row `stride` after the one before.
struct Block {
    const u64* data;
    std::size_t stride;
};

// A matrix that can show any block of itself; products take their operands through this, so that patches of
// images, matrices side by side and sums of shares need never exist in memory as a whole.
class BlockSource {
  public:
    virtual ~BlockSource() = default;
    // The block is either where the matrix lies or written to `scratch`, its rows `stride` apart.
    virtual Block read(Range rows, Range columns, u64* scratch, std::size_t stride) const = 0;
};

class Matrix final : public BlockSource {
  public:
    Matrix(const u64* data, std::size_t columns) : data_(data), columns_(columns) {}
    Block read(Range rows, Range columns, u64* scratch, std::size_t stride) const override;

  private:
    const u64* data_;
    std::size_t columns_;
};

// What a product needs from its ring: the product of two small blocks, as high and as wide as registers
// allow.
class GemmKernel {
  public:
    GemmKernel(std::size_t tile_rows, std::size_t tile_columns, std::size_t depth)
        : rows(tile_rows), columns(tile_columns), block_depth(depth) {}
    virtual ~GemmKernel() = default;

    // Puts elements into the form that `multiply` wants; `scratch` has room for the block and may hold it.
    virtual Block prepare(Block block, std::size_t block_rows, std::size_t block_columns, u64* scratch,
                          std::size_t stride) const;
    virtual void multiply(const Tile& tile) const = 0;

    const std::size_t rows, columns;  // of the largest tile
    const std::size_t block_depth;    // of the largest tile
};

// A right operand b[depth, columns], packed once for many products: panels as wide as the kernel's tile (the
// last one as wide as what is left), each with all its rows end to end.
class PackedOperand {
  public:
    // The kernel must outlive this.
    PackedOperand(const GemmKernel& kernel, const BlockSource& b, std::size_t depth, std::size_t columns);

    const GemmKernel& kernel() const { return kernel_; }
    const u64* data() const { return panels_.data(); }

  private:
    const GemmKernel& kernel_;
    Buffer panels_;
};

// out[rows, columns] = a[rows, depth] . b[depth, columns]; the same bits for every number of threads.
void gemm(const GemmKernel& kernel, MatmulShape shape, const BlockSource& a, const BlockSource& b, u64* out,
          int threads);
void gemm(MatmulShape shape, const BlockSource& a, const PackedOperand& b, u64* out, int threads);

}  // namespace trine::ring
