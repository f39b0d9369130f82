// Blocks both operands so that the innermost loops read the nearest caches.
#include "ring/gemm.hpp"

#include <algorithm>

#include "base/parallel.hpp"

namespace trine::ring {

namespace {

// Block sizes in elements: a tile's rows of a stay near while all panels of b (the kernel's depth x columns)
// stream past them. With 64-bit integers this was measured to be faster than BLIS's order (Van Zee & van de
// Geijn 2015), where a panel of b stays in L1.
constexpr std::size_t block_rows = 48, block_columns = 256;

// b is packed in patches of this size, so that neither the reads nor the writes leave L1.
constexpr std::size_t patch_depth = 16, patch_columns = 64;

// Rows that are this many words apart, or a multiple, fall on the same sets of L1.
constexpr std::size_t colliding_stride = 256;

// Products that are worth a thread: 20 to 50 microseconds' work, where making a thread takes 20.
constexpr std::size_t thread_work = std::size_t{1} << 19;

constexpr std::size_t round_up(std::size_t value, std::size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

// A step that cuts `length` > 0 into parts of nearly equal size, none above `most`, a multiple of 8.
constexpr std::size_t even_step(std::size_t length, std::size_t most) {
    const std::size_t parts = (length + most - 1) / most;
    return std::min(round_up((length + parts - 1) / parts, 8), length);
}

// Packed panels of these rows and columns of b.
struct Panels {
    const u64* data;
    Range depth, columns;

    const u64* at(std::size_t k, std::size_t column, std::size_t width) const {
        return data + (column - columns.begin) * depth.size() + (k - depth.begin) * width;
    }
};

void pack(const GemmKernel& kernel, const BlockSource& b, Range depth, Range columns, u64* scratch,
          u64* packed) {
    for (std::size_t begin = columns.begin; begin < columns.end; begin += patch_columns) {
        const Range patch{begin, std::min(begin + patch_columns, columns.end)};
        for (std::size_t k = depth.begin; k < depth.end; k += patch_depth) {
            const Range layers{k, std::min(k + patch_depth, depth.end)};
            const Block block = kernel.prepare(b.read(layers, patch, scratch, patch_columns), layers.size(),
                                               patch.size(), scratch, patch_columns);
            for (std::size_t column = patch.begin; column < patch.end; column += kernel.columns) {
                const std::size_t width = std::min(kernel.columns, columns.end - column);
                const u64* from = block.data + (column - patch.begin);
                u64* to = packed + (column - columns.begin) * depth.size() + (k - depth.begin) * width;
                for (std::size_t layer = 0; layer < layers.size(); ++layer, from += block.stride, to += width)
                    std::copy_n(from, width, to);
            }
        }
    }
}

// Reads blocks of a, in place where the rows' distance allows.
class LeftBlocks {
  public:
    LeftBlocks(const GemmKernel& kernel, const BlockSource& a, std::size_t rows, std::size_t depth)
        : kernel_(kernel), a_(a), stride_(stride(depth)), buffer_(rows * stride_) {}

    Block read(Range rows, Range depth) const {
        const Block block = kernel_.prepare(a_.read(rows, depth, buffer_.data(), stride_), rows.size(),
                                            depth.size(), buffer_.data(), stride_);
        if (block.stride % colliding_stride != 0 || rows.size() == 1) return block;
        for (std::size_t row = 0; row < rows.size(); ++row)
            std::copy_n(block.data + row * block.stride, depth.size(), buffer_.data() + row * stride_);
        return {buffer_.data(), stride_};
    }

  private:
    static std::size_t stride(std::size_t depth) {
        const std::size_t lines = round_up(depth, 8);
        return lines % colliding_stride == 0 ? lines + 8 : lines;
    }

    const GemmKernel& kernel_;
    const BlockSource& a_;
    std::size_t stride_;
    Buffer buffer_;
};

// `panels(depth, columns)` gives that part of b, packed.
template <class GivePanels>
void gemm_region(const GemmKernel& kernel, MatmulShape shape, const BlockSource& a, Range rows, Range columns,
                 GivePanels panels, u64* out) {
    const std::size_t row_step = std::min(round_up(block_rows, kernel.rows), rows.size());
    const std::size_t depth_step = even_step(shape.depth, kernel.block_depth);
    const LeftBlocks left(kernel, a, row_step, depth_step);

    for (std::size_t j = columns.begin; j < columns.end; j += block_columns) {
        const Range block_j{j, std::min(j + block_columns, columns.end)};
        for (std::size_t k = 0; k < shape.depth; k += depth_step) {
            const Range block_k{k, std::min(k + depth_step, shape.depth)};
            const Panels right = panels(block_k, block_j);
            for (std::size_t i = rows.begin; i < rows.end; i += row_step) {
                const Range block_i{i, std::min(i + row_step, rows.end)};
                const Block block = left.read(block_i, block_k);
                for (std::size_t row = i; row < block_i.end; row += kernel.rows)
                    for (std::size_t column = j; column < block_j.end; column += kernel.columns) {
                        const std::size_t width = std::min(kernel.columns, block_j.end - column);
                        kernel.multiply({block_k.size(), std::min(kernel.rows, block_i.end - row), width,
                                         block.data + (row - i) * block.stride, block.stride,
                                         right.at(k, column, width), out + row * shape.columns + column,
                                         shape.columns, k > 0});
                    }
            }
        }
    }
}

// Every thread reads its own operands, so split the longer side: the other operand is packed again by each.
template <class Region>
void split(const GemmKernel& kernel, MatmulShape shape, u64* out, int threads, Region region) {
    if (shape.rows == 0 || shape.columns == 0) return;
    if (shape.depth == 0) {
        std::fill_n(out, shape.rows * shape.columns, 0);
        return;
    }
    const bool by_rows = shape.rows >= shape.columns;
    const std::size_t tile = by_rows ? kernel.rows : kernel.columns;
    const std::size_t line_work = shape.depth * (by_rows ? shape.columns : shape.rows);
    const std::size_t grain = round_up(thread_work / line_work + 1, tile);
    parallel_for(by_rows ? shape.rows : shape.columns, grain, threads,
                 [&](std::size_t begin, std::size_t end) {
                     const Range part{begin, end};
                     region(by_rows ? part : Range{0, shape.rows}, by_rows ? Range{0, shape.columns} : part);
                 });
}

}  // namespace

Block Matrix::read(Range rows, Range columns, u64*, std::size_t) const {
    return {data_ + rows.begin * columns_ + columns.begin, columns_};
}

Block GemmKernel::prepare(Block block, std::size_t, std::size_t, u64*, std::size_t) const { return block; }

PackedOperand::PackedOperand(const GemmKernel& kernel, const BlockSource& b, std::size_t depth,
                             std::size_t columns)
    : kernel_(kernel), panels_(depth * columns + readable_beyond) {
    const Buffer scratch(patch_depth * patch_columns);
    pack(kernel, b, {0, depth}, {0, columns}, scratch.data(), panels_.data());
}

void gemm(const GemmKernel& kernel, MatmulShape shape, const BlockSource& a, const BlockSource& b, u64* out,
          int threads) {
    split(kernel, shape, out, threads, [&](Range rows, Range columns) {
        const std::size_t depth = even_step(shape.depth, kernel.block_depth);
        const Buffer packed(depth * std::min(block_columns, columns.size()) + readable_beyond);
        const Buffer scratch(patch_depth * patch_columns);
        const auto panels = [&](Range block_k, Range block_j) {
            pack(kernel, b, block_k, block_j, scratch.data(), packed.data());
            return Panels{packed.data(), block_k, block_j};
        };
        gemm_region(kernel, shape, a, rows, columns, panels, out);
    });
}

void gemm(MatmulShape shape, const BlockSource& a, const PackedOperand& b, u64* out, int threads) {
    split(b.kernel(), shape, out, threads, [&](Range rows, Range columns) {
        const auto panels = [&](Range, Range) {
            return Panels{b.data(), {0, shape.depth}, {0, shape.columns}};
        };
        gemm_region(b.kernel(), shape, a, rows, columns, panels, out);
    });
}

}  // namespace trine::ring
