// Plain loops that the compiler vectorises, and the choice of the code path where it cannot.
#include "ring/z2k.hpp"

#include <functional>

#include "base/parallel.hpp"
#include "ring/avx2.hpp"
#include "ring/conv.hpp"
#include "ring/sums.hpp"

namespace trine::ring::z2k {

namespace {

constexpr std::plus<> plus;

class PortableKernel final : public GemmKernel {
  public:
    PortableKernel() : GemmKernel(tile, tile) {}

    void multiply_add(std::size_t depth, const u64* a, const u64* b, std::size_t height, std::size_t width,
                      u64* out, std::size_t out_stride) const override {
        u64 sum[tile][tile] = {};
        for (std::size_t k = 0; k < depth; ++k, a += tile, b += tile)
            for (std::size_t i = 0; i < tile; ++i)
                for (std::size_t j = 0; j < tile; ++j) sum[i][j] += a[i] * b[j];
        for (std::size_t i = 0; i < height; ++i) add_row(sum[i], width, out + i * out_stride, plus);
    }

  private:
    static constexpr std::size_t tile = 4;
};

#ifdef TRINE_AVX2
class Avx2Kernel final : public GemmKernel {
  public:
    Avx2Kernel() : GemmKernel(avx2::z2k_tile_rows, avx2::z2k_tile_columns) {}

    void multiply_add(std::size_t depth, const u64* a, const u64* b, std::size_t height, std::size_t width,
                      u64* out, std::size_t out_stride) const override {
        if (width == avx2::z2k_tile_columns) {
            avx2::z2k_multiply_add(depth, a, b, height, out, out_stride);
        } else {
            u64 whole[avx2::z2k_tile_rows][avx2::z2k_tile_columns] = {};
            avx2::z2k_multiply_add(depth, a, b, height, whole[0], avx2::z2k_tile_columns);
            for (std::size_t i = 0; i < height; ++i) add_row(whole[i], width, out + i * out_stride, plus);
        }
    }
};
#endif

}  // namespace

void add(ConstWords a, ConstWords b, Words out, Run run) {
    parallel_each(out.size(), run.threads, [=](std::size_t i) { out[i] = a[i] + b[i]; });
}

void sub(ConstWords a, ConstWords b, Words out, Run run) {
    parallel_each(out.size(), run.threads, [=](std::size_t i) { out[i] = a[i] - b[i]; });
}

void neg(ConstWords a, Words out, Run run) {
    parallel_each(out.size(), run.threads, [=](std::size_t i) { out[i] = 0 - a[i]; });
}

void mul(ConstWords a, ConstWords b, Words out, Run run) {
#ifdef TRINE_AVX2
    if (run.isa == Isa::avx2) {
        parallel_for(out.size(), elementwise_grain, run.threads, [=](std::size_t begin, std::size_t end) {
            avx2::z2k_mul(a.data() + begin, b.data() + begin, out.data() + begin, end - begin);
        });
        return;
    }
#endif
    parallel_each(out.size(), run.threads, [=](std::size_t i) { out[i] = a[i] * b[i]; });
}

void sum(ConstWords a, SumShape shape, Words out, Run run) { sum_axis(a, shape, out, run.threads, plus); }

void sumpool(ConstWords x, const PoolShape& shape, Words out, Run run) {
    sum_windows(x, shape, out, run.threads, plus);
}

void matmul(ConstWords a, ConstWords b, MatmulShape shape, Words out, Run run) {
    gemm(gemm_kernel(run.isa), shape, Matrix(a.data(), shape.depth), Matrix(b.data(), shape.columns),
         out.data(), run.threads);
}

void conv2d(ConstWords x, ConstWords w, const ConvShape& shape, Words out, Run run) {
    gemm(gemm_kernel(run.isa), shape.matmul(), Patches(x.data(), shape), Matrix(w.data(), shape.filters),
         out.data(), run.threads);
}

const GemmKernel& gemm_kernel([[maybe_unused]] Isa isa) {
#ifdef TRINE_AVX2
    static const Avx2Kernel avx2_kernel;
    if (isa == Isa::avx2) return avx2_kernel;
#endif
    static const PortableKernel portable_kernel;
    return portable_kernel;
}

}  // namespace trine::ring::z2k
