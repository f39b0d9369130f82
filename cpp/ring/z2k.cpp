// Plain loops that the compiler vectorises, and the choice of the code path where it cannot.
#include "ring/z2k.hpp"

#include <array>
#include <functional>
#include <utility>

#include "base/parallel.hpp"
#include "ring/avx2.hpp"
#include "ring/avx512.hpp"
#include "ring/conv.hpp"
#include "ring/neon.hpp"
#include "ring/sums.hpp"

namespace trine::ring::z2k {

namespace {

constexpr std::plus<> plus;

namespace portable {

constexpr std::size_t tile_size = 4;

template <std::size_t Height>
void multiply_rows(const Tile& tile) {
    word sum[Height][tile_size] = {};
    const word* b = tile.b;
    for (std::size_t k = 0; k < tile.depth; ++k, b += tile.width)
        for (std::size_t i = 0; i < Height; ++i)
            for (std::size_t j = 0; j < tile_size; ++j) sum[i][j] += tile.a[i * tile.a_stride + k] * b[j];
    for (std::size_t i = 0; i < Height; ++i)
        for (std::size_t j = 0; j < tile.width; ++j) {
            word& out = tile.out[i * tile.out_stride + j];
            out = tile.add ? out + sum[i][j] : sum[i][j];
        }
}

void add(const word* a, const word* b, word* out, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out[i] = a[i] + b[i];
}

void sub(const word* a, const word* b, word* out, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out[i] = a[i] - b[i];
}

void mul(const word* a, const word* b, word* out, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out[i] = a[i] * b[i];
}

void rss_mul(const word* xa, const word* xb, const word* ya, const word* yb, word* out, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out[i] = xa[i] * (ya[i] + yb[i]) + xb[i] * ya[i];
}

void multiply(const Tile& tile) {
    constexpr void (*by_height[])(const Tile&) = {multiply_rows<1>, multiply_rows<2>, multiply_rows<3>,
                                                  multiply_rows<4>};
    by_height[tile.height - 1](tile);
}

constexpr Z2kPath path{tile_size, tile_size, multiply, add, sub, mul, rss_mul};

}  // namespace portable

#ifdef TRINE_NEON
// The compiler's own vectors are NEON already, and it multiplies words one by one faster than NEON can.
constexpr Z2kPath neon_path{neon::tile_rows, neon::tile_columns, neon::multiply,   portable::add,
                            portable::sub,   portable::mul,      portable::rss_mul};
#endif

class TileKernel final : public GemmKernel {
  public:
    explicit TileKernel(const Z2kPath& path)
        : GemmKernel(path.tile_rows, path.tile_columns, 1024), multiply_(path.multiply) {}

    void multiply(const Tile& tile) const override { multiply_(tile); }

  private:
    void (*multiply_)(const Tile&);
};

using Binary = void (*)(const word*, const word*, word*, std::size_t);

void elementwise(Binary kernel, ConstWords a, ConstWords b, Words out, int threads) {
    parallel_for(out.size(), elementwise_grain, threads, [=](std::size_t begin, std::size_t end) {
        kernel(a.data() + begin, b.data() + begin, out.data() + begin, end - begin);
    });
}

}  // namespace

void add(ConstWords a, ConstWords b, Words out, Run run) {
    elementwise(path(run.isa).add, a, b, out, run.threads);
}

void sub(ConstWords a, ConstWords b, Words out, Run run) {
    elementwise(path(run.isa).sub, a, b, out, run.threads);
}

void mul(ConstWords a, ConstWords b, Words out, Run run) {
    elementwise(path(run.isa).mul, a, b, out, run.threads);
}

void neg(ConstWords a, Words out, Run run) {
    parallel_each(out.size(), run.threads, [=](std::size_t i) { out[i] = 0 - a[i]; });
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

const Z2kPath& path(Isa isa) {
    switch (isa) {
#ifdef TRINE_X86
        case Isa::avx512:
            return avx512::z2k;
        case Isa::avx2:
            return avx2::z2k;
#endif
#ifdef TRINE_NEON
        case Isa::neon:
            return neon_path;
#endif
        default:
            return portable::path;
    }
}

const GemmKernel& gemm_kernel(Isa isa) {
    static const std::array<TileKernel, isa_count> kernels = []<std::size_t... I>(std::index_sequence<I...>) {
        return std::array{TileKernel(path(static_cast<Isa>(I)))...};
    }(std::make_index_sequence<isa_count>());
    return kernels[static_cast<std::size_t>(isa)];
}

}  // namespace trine::ring::z2k
