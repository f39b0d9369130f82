// A convolution seen as a matrix product: the matrix of an image's patches, never written out as a whole.
#pragma once

#include "ring/gemm.hpp"

namespace trine::ring {

// Row = output pixel [batch, out_height, out_width]; column = [kernel_height, kernel_width, channels].
class Patches final : public BlockSource {
  public:
    Patches(const u64* images, const ConvShape& shape);
    Block read(Range rows, Range columns, u64* scratch, std::size_t stride) const override;

  private:
    void read_line(const u64* line, Range out_x, Range run, u64* to, std::size_t stride) const;

    const u64* images_;
    ConvShape shape_;
    std::size_t out_height_, out_width_;
    std::size_t patch_line_, image_line_, left_;  // kernel's and image's width and left padding, in words
};

}  // namespace trine::ring
