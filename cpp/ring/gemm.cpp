// Packs blocks of both operands so that the innermost loops read memory in order, from the nearest cache.
#include "ring/gemm.hpp"

#include <algorithm>

#include "base/buffer.hpp"
#include "base/parallel.hpp"

namespace trine::ring {

namespace {

// Block sizes in elements, as in BLIS (Van Zee & van de Geijn 2015): a micro-panel of b (depth x tile
// columns) stays in L1, a block of a (rows x depth) in L2, a panel of b (depth x columns) in L3.
constexpr std::size_t block_rows = 96, block_depth = 256, block_columns = 1024;

// b is packed in patches of this size, so that neither the reads nor the writes leave L1.
constexpr std::size_t patch_depth = 16, patch_columns = 64;

// Products that are worth a thread.
constexpr std::size_t thread_work = std::size_t{1} << 18;

constexpr std::size_t round_up(std::size_t value, std::size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

// Micro-panels of kernel.rows rows, each stored depth by depth; missing rows are zero.
void pack_a(const GemmKernel& kernel, const BlockSource& a, Range rows, Range depth, u64* scratch,
            u64* packed) {
    for (std::size_t row = rows.begin; row < rows.end;
         row += kernel.rows, packed += kernel.rows * depth.size()) {
        const std::size_t height = std::min(kernel.rows, rows.end - row);
        const Block block =
            kernel.prepare(a.read({row, row + height}, depth, scratch), height, depth.size(), scratch);
        if (height < kernel.rows) std::fill_n(packed, kernel.rows * depth.size(), 0);
        for (std::size_t k = 0; k < depth.size(); ++k)
            for (std::size_t r = 0; r < height; ++r)
                packed[k * kernel.rows + r] = block.data[r * block.stride + k];
    }
}

// Micro-panels of kernel.columns columns, each stored depth by depth; missing columns are zero.
void pack_b(const GemmKernel& kernel, const BlockSource& b, Range depth, Range columns, u64* scratch,
            u64* packed) {
    for (std::size_t j = columns.begin; j < columns.end; j += patch_columns) {
        const Range patch_j{j, std::min(j + patch_columns, columns.end)};
        for (std::size_t k = depth.begin; k < depth.end; k += patch_depth) {
            const Range patch_k{k, std::min(k + patch_depth, depth.end)};
            const Block block =
                kernel.prepare(b.read(patch_k, patch_j, scratch), patch_k.size(), patch_j.size(), scratch);
            for (std::size_t column = 0; column < patch_j.size(); column += kernel.columns) {
                const std::size_t width = std::min(kernel.columns, patch_j.size() - column);
                u64* panel =
                    packed + (j - columns.begin + column) * depth.size() + (k - depth.begin) * kernel.columns;
                for (std::size_t row = 0; row < patch_k.size(); ++row, panel += kernel.columns) {
                    std::copy_n(block.data + row * block.stride + column, width, panel);
                    std::fill(panel + width, panel + kernel.columns, 0);
                }
            }
        }
    }
}

// One thread's share: out[rows, columns], all of the depth.
void gemm_region(const GemmKernel& kernel, MatmulShape shape, const BlockSource& a, const BlockSource& b,
                 Range rows, Range columns, u64* out) {
    for (std::size_t row = rows.begin; row < rows.end; ++row)
        std::fill_n(out + row * shape.columns + columns.begin, columns.size(), 0);

    const std::size_t row_step =
        std::min(round_up(block_rows, kernel.rows), round_up(rows.size(), kernel.rows));
    const std::size_t depth_step = std::min(block_depth, shape.depth);
    const std::size_t column_step = std::min(block_columns, round_up(columns.size(), kernel.columns));
    const Buffer packed_a(row_step * depth_step), packed_b(column_step * depth_step);
    const Buffer scratch(std::max(kernel.rows * depth_step, patch_depth * patch_columns));

    for (std::size_t j = columns.begin; j < columns.end; j += column_step) {
        const Range block_j{j, std::min(j + column_step, columns.end)};
        for (std::size_t k = 0; k < shape.depth; k += depth_step) {
            const Range block_k{k, std::min(k + depth_step, shape.depth)};
            pack_b(kernel, b, block_k, block_j, scratch.data(), packed_b.data());
            for (std::size_t i = rows.begin; i < rows.end; i += row_step) {
                const Range block_i{i, std::min(i + row_step, rows.end)};
                pack_a(kernel, a, block_i, block_k, scratch.data(), packed_a.data());
                for (std::size_t column = j; column < block_j.end; column += kernel.columns)
                    for (std::size_t row = i; row < block_i.end; row += kernel.rows)
                        kernel.multiply_add(block_k.size(), packed_a.data() + (row - i) * block_k.size(),
                                            packed_b.data() + (column - j) * block_k.size(),
                                            std::min(kernel.rows, block_i.end - row),
                                            std::min(kernel.columns, block_j.end - column),
                                            out + row * shape.columns + column, shape.columns);
            }
        }
    }
}

}  // namespace

Block Matrix::read(Range rows, Range columns, u64*) const {
    return {data_ + rows.begin * columns_ + columns.begin, columns_};
}

Block GemmKernel::prepare(Block block, std::size_t, std::size_t, u64*) const { return block; }

void gemm(const GemmKernel& kernel, MatmulShape shape, const BlockSource& a, const BlockSource& b, u64* out,
          int threads) {
    if (shape.rows == 0 || shape.columns == 0) return;
    // Every thread packs its own operands, so split the longer side: the other operand is packed again by
    // each.
    const bool by_rows = shape.rows >= shape.columns;
    const std::size_t tile = by_rows ? kernel.rows : kernel.columns;
    const std::size_t line_work = shape.depth * (by_rows ? shape.columns : shape.rows);
    const std::size_t grain = round_up(thread_work / std::max<std::size_t>(line_work, 1) + 1, tile);
    parallel_for(by_rows ? shape.rows : shape.columns, grain, threads,
                 [&](std::size_t begin, std::size_t end) {
                     const Range part{begin, end};
                     gemm_region(kernel, shape, a, b, by_rows ? part : Range{0, shape.rows},
                                 by_rows ? Range{0, shape.columns} : part, out);
                 });
}

}  // namespace trine::ring
