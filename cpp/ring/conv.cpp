// Gathers the patches that a product asks for, line by line, with zeros where they leave the image.
#include "ring/conv.hpp"

#include <algorithm>
#include <cstring>

namespace trine::ring {

namespace {

// Runs are often a few words long, too short for a call of memcpy.
u64* copy_words(const u64* from, std::size_t count, u64* to) {
    if (count > 8) {
        std::memcpy(to, from, count * sizeof(u64));
        return to + count;
    }
    u64* const end = to + count;
    switch (count) {
        case 8:
            *to++ = *from++;
            [[fallthrough]];
        case 7:
            *to++ = *from++;
            [[fallthrough]];
        case 6:
            *to++ = *from++;
            [[fallthrough]];
        case 5:
            *to++ = *from++;
            [[fallthrough]];
        case 4:
            *to++ = *from++;
            [[fallthrough]];
        case 3:
            *to++ = *from++;
            [[fallthrough]];
        case 2:
            *to++ = *from++;
            [[fallthrough]];
        case 1:
            *to = *from;
    }
    return end;
}

u64* fill_zeros(u64* to, std::size_t count) { return count == 0 ? to : std::fill_n(to, count, 0); }

}  // namespace

Patches::Patches(const u64* images, const ConvShape& shape)
    : images_(images),
      shape_(shape),
      out_height_(shape.out_height()),
      out_width_(shape.out_width()),
      patch_line_(shape.kernel_width * shape.channels),
      image_line_(shape.width * shape.channels),
      left_(shape.padding[2] * shape.channels) {}

Block Patches::read(Range rows, Range columns, u64* scratch, std::size_t stride) const {
    const std::size_t first_kernel_y = columns.begin / patch_line_;
    const std::size_t first_offset = columns.begin % patch_line_;
    u64* const block = scratch;
    std::size_t out_x = rows.begin % out_width_;
    std::size_t out_y = rows.begin / out_width_ % out_height_;
    std::size_t image = rows.begin / out_width_ / out_height_;

    for (std::size_t row = rows.begin; row < rows.end; ++row, scratch += stride) {
        u64* to = scratch;
        const std::size_t patch_left = out_x * shape_.stride[1] * shape_.channels;
        std::size_t y = out_y * shape_.stride[0] + first_kernel_y;  // in the padded image
        std::size_t offset = first_offset;
        for (std::size_t todo = columns.size(); todo > 0; ++y, offset = 0) {
            const std::size_t run = std::min(todo, patch_line_ - offset);
            const bool inside = y >= shape_.padding[0] && y - shape_.padding[0] < shape_.height;
            const std::size_t begin = patch_left + offset, end = begin + run;
            const std::size_t image_begin = std::clamp(left_, begin, end);
            const std::size_t image_end =
                inside ? std::clamp(left_ + image_line_, image_begin, end) : image_begin;
            to = fill_zeros(to, image_begin - begin);
            if (image_begin < image_end) {
                const u64* line = images_ + (image * shape_.height + y - shape_.padding[0]) * image_line_;
                to = copy_words(line + (image_begin - left_), image_end - image_begin, to);
            }
            to = fill_zeros(to, end - image_end);
            todo -= run;
        }
        if (++out_x == out_width_) {
            out_x = 0;
            if (++out_y == out_height_) {
                out_y = 0;
                ++image;
            }
        }
    }
    return {block, stride};
}

}  // namespace trine::ring
