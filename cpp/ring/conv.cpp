// Gathers the patches that a product asks for, with zeros where they leave the image.
#include "ring/conv.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace trine::ring {

namespace {

// Copies `count` runs of `Words` words: for short ones a call of memcpy would take longer than the copy.
template <std::size_t Words>
void copy_short_runs(const u64* from, std::size_t from_step, std::size_t count, u64* to,
                     std::size_t to_step) {
    for (std::size_t i = 0; i < count; ++i, from += from_step, to += to_step)
        std::memcpy(to, from, Words * sizeof(u64));
}

void copy_runs(const u64* from, std::size_t from_step, std::size_t words, std::size_t count, u64* to,
               std::size_t to_step) {
    constexpr decltype(&copy_short_runs<1>) short_runs[] = {
        copy_short_runs<1>, copy_short_runs<2>, copy_short_runs<3>, copy_short_runs<4>,
        copy_short_runs<5>, copy_short_runs<6>, copy_short_runs<7>, copy_short_runs<8>};
    if (words - 1 < std::size(short_runs)) return short_runs[words - 1](from, from_step, count, to, to_step);
    for (std::size_t i = 0; i < count; ++i, from += from_step, to += to_step) std::copy_n(from, words, to);
}

}  // namespace

Patches::Patches(const u64* images, const ConvShape& shape)
    : images_(images),
      shape_(shape),
      out_height_(shape.out_height()),
      out_width_(shape.out_width()),
      patch_line_(shape.kernel_width * shape.channels),
      image_line_(shape.width * shape.channels),
      left_(shape.padding[2] * shape.channels) {}

// One line of the kernel after the other, for all patches whose output pixels lie on one line.
Block Patches::read(Range rows, Range columns, u64* scratch, std::size_t stride) const {
    for (std::size_t row = rows.begin, next; row < rows.end; row = next) {
        const std::size_t line = row / out_width_, image = line / out_height_;
        next = std::min(rows.end, (line + 1) * out_width_);
        const Range out_x{row - line * out_width_, next - line * out_width_};
        u64* const patches = scratch + (row - rows.begin) * stride;
        std::size_t y =
            line % out_height_ * shape_.stride[0] + columns.begin / patch_line_;  // in the padded image
        for (std::size_t column = columns.begin, end; column < columns.end; column = end, ++y) {
            const std::size_t offset = column % patch_line_;
            end = std::min(column - offset + patch_line_, columns.end);
            const bool inside = y >= shape_.padding[0] && y - shape_.padding[0] < shape_.height;
            read_line(
                inside ? images_ + (image * shape_.height + y - shape_.padding[0]) * image_line_ : nullptr,
                out_x, {offset, offset + end - column}, patches + (column - columns.begin), stride);
        }
    }
    return {scratch, stride};
}

// The words `run` of a line of the kernel, wherever it lies over a line of the image (none: zeros). The
// places where all of them are inside the image are the ones that matter for speed.
void Patches::read_line(const u64* line, Range out_x, Range run, u64* to, std::size_t stride) const {
    const std::size_t step = shape_.stride[1] * shape_.channels;
    // The first place at or beyond this many words.
    const auto places = [&](std::size_t words) {
        return std::clamp((words + step - 1) / step, out_x.begin, out_x.end);
    };
    const std::size_t right = left_ + image_line_;
    Range whole{out_x.end, out_x.end};
    if (line != nullptr)
        whole = {places(left_ - std::min(left_, run.begin)),
                 run.end > right ? out_x.begin : places(right - run.end + 1)};
    const auto read_each = [&](Range some) {
        for (std::size_t x = some.begin; x < some.end; ++x) {
            u64* words = to + (x - out_x.begin) * stride;
            const std::size_t begin = x * step + run.begin, end = x * step + run.end;
            const std::size_t image_begin = std::clamp(left_, begin, end);
            const std::size_t image_end = line == nullptr ? image_begin : std::clamp(right, image_begin, end);
            words = std::fill_n(words, image_begin - begin, 0);
            if (image_begin < image_end)
                words = std::copy(line + (image_begin - left_), line + (image_end - left_), words);
            std::fill_n(words, end - image_end, 0);
        }
    };
    read_each({out_x.begin, whole.begin});
    if (whole.begin < whole.end)
        copy_runs(line + (whole.begin * step + run.begin - left_), step, run.size(), whole.size(),
                  to + (whole.begin - out_x.begin) * stride, stride);
    read_each({std::max(whole.begin, whole.end), out_x.end});
}

}  // namespace trine::ring
