// Field arithmetic on arrays: two ways to sum products before they are reduced, by the size of the prime.
#include "ring/field.hpp"

#include <algorithm>
#include <atomic>

#include "base/check.hpp"
#include "base/parallel.hpp"
#include "ring/avx2.hpp"
#include "ring/avx512ifma.hpp"
#include "ring/conv.hpp"
#include "ring/modulus.hpp"
#include "ring/sums.hpp"

namespace trine::ring::field {

namespace {

// Puts sums of products where the tile wants its results.
template <class Sum>
void write(const Tile& tile, const Modulus& modulus, Sum sum) {
    for (std::size_t i = 0; i < tile.height; ++i)
        for (std::size_t j = 0; j < tile.width; ++j) {
            u64& element = tile.out[i * tile.out_stride + j];
            const u64 product = modulus.reduce(sum(i, j));
            element = tile.add ? modulus.add(element, product) : product;
        }
}

// Sums 128-bit products, and folds the sums back before they can overflow.
class WideKernel final : public GemmKernel {
  public:
    explicit WideKernel(u64 prime) : GemmKernel(tile_, tile_, 256), modulus_(prime) {
        const u128 room = ~u128{0} - (u128{prime} << 64);  // on top of a folded sum
        const u128 products = room / (u128{prime - 1} * (prime - 1));
        burst_ = static_cast<std::size_t>(std::min(products, u128{4096}));
    }

    void multiply(const Tile& tile) const override {
        u128 sum[tile_][tile_] = {};
        const u64 *a = tile.a, *b = tile.b;
        for (std::size_t left = tile.depth; left > 0;) {
            const std::size_t steps = std::min(left, burst_);
            for (std::size_t k = 0; k < steps; ++k, ++a, b += tile.width)
                for (std::size_t i = 0; i < tile.height; ++i)
                    for (std::size_t j = 0; j < tile.width; ++j)
                        sum[i][j] += u128{a[i * tile.a_stride]} * b[j];
            for (auto& row : sum)
                for (auto& s : row) s = modulus_.fold(s);
            left -= steps;
        }
        write(tile, modulus_, [&](std::size_t i, std::size_t j) { return sum[i][j]; });
    }

  private:
    static constexpr std::size_t tile_ = 2;
    Modulus modulus_;
    std::size_t burst_;
};

#ifdef TRINE_X86
// For primes of two limbs: three products of limbs instead of four (Karatsuba), summed in 64-bit lanes.
class LimbKernel final : public GemmKernel {
  public:
    static bool fits(u64 prime) { return prime >> (2 * avx2::limb_bits) == 0; }

    explicit LimbKernel(u64 prime) : GemmKernel(rows_, columns_, avx2::limb_depth), modulus_(prime) {}

    Block prepare(Block block, std::size_t block_rows, std::size_t block_columns, u64* scratch,
                  std::size_t stride) const override {
        constexpr u64 low_limb = (u64{1} << avx2::limb_bits) - 1;
        for (std::size_t i = 0; i < block_rows; ++i)
            for (std::size_t j = 0; j < block_columns; ++j) {
                const u64 element = block.data[i * block.stride + j];
                scratch[i * stride + j] = (element & low_limb) | (element >> avx2::limb_bits << 32);
            }
        return {scratch, stride};
    }

    void multiply(const Tile& tile) const override {
        u64 low[rows_][columns_], middle[rows_][columns_], high[rows_][columns_];
        avx2::limb_products(tile, low[0], middle[0], high[0]);
        write(tile, modulus_, [&](std::size_t i, std::size_t j) {
            return low[i][j] + (u128{middle[i][j] - low[i][j] - high[i][j]} << avx2::limb_bits) +
                   (u128{high[i][j]} << (2 * avx2::limb_bits));
        });
    }

  private:
    static constexpr std::size_t rows_ = avx2::field_tile_rows, columns_ = avx2::field_tile_columns;
    Modulus modulus_;
};

// For primes below 2^52: the halves of whole products, summed in 64-bit lanes.
class IfmaKernel final : public GemmKernel {
  public:
    static bool fits(u64 prime) { return prime >> avx512ifma::element_bits == 0; }

    explicit IfmaKernel(u64 prime) : GemmKernel(rows_, columns_, avx512ifma::depth), modulus_(prime) {}

    void multiply(const Tile& tile) const override {
        u64 low[rows_][columns_], high[rows_][columns_];
        avx512ifma::products(tile, low[0], high[0]);
        write(tile, modulus_, [&](std::size_t i, std::size_t j) {
            return low[i][j] + (u128{high[i][j]} << avx512ifma::element_bits);
        });
    }

  private:
    static constexpr std::size_t rows_ = avx512ifma::tile_rows, columns_ = avx512ifma::tile_columns;
    Modulus modulus_;
};
#endif

void multiply(const BlockSource& a, const BlockSource& b, MatmulShape shape, u64 prime, Words out, Run run) {
#ifdef TRINE_X86
    if (run.isa == Isa::avx512 && has_avx512_ifma() && IfmaKernel::fits(prime))
        return gemm(IfmaKernel(prime), shape, a, b, out.data(), run.threads);
    if (run.isa >= Isa::avx2 && LimbKernel::fits(prime))
        return gemm(LimbKernel(prime), shape, a, b, out.data(), run.threads);
#endif
    gemm(WideKernel(prime), shape, a, b, out.data(), run.threads);
}

}  // namespace

void require_modulus(u64 prime) {
    require(prime > 2 && prime < (u64{1} << 62) && prime % 2 == 1,
            "prime must be an odd prime below 2^62, not " + std::to_string(prime));
}

bool all_residues(ConstWords a, u64 prime, int threads) {
    std::atomic<u64> outside{0};
    parallel_for(a.size(), elementwise_grain, threads, [&](std::size_t begin, std::size_t end) {
        u64 any = 0;
        // The top bit of either shows a word of 2^63 or more, or one above prime - 1.
        for (std::size_t i = begin; i < end; ++i) any |= a[i] | (prime - 1 - a[i]);
        outside |= any;
    });
    return outside >> 63 == 0;
}

void add(ConstWords a, ConstWords b, u64 prime, Words out, Run run) {
#ifdef TRINE_X86
    if (run.isa >= Isa::avx2) {
        parallel_for(out.size(), elementwise_grain, run.threads, [=](std::size_t begin, std::size_t end) {
            avx2::field_add(a.data() + begin, b.data() + begin, prime, out.data() + begin, end - begin);
        });
        return;
    }
#endif
    parallel_each(out.size(), run.threads,
                  [=, m = Modulus(prime)](std::size_t i) { out[i] = m.add(a[i], b[i]); });
}

void sub(ConstWords a, ConstWords b, u64 prime, Words out, Run run) {
#ifdef TRINE_X86
    if (run.isa >= Isa::avx2) {
        parallel_for(out.size(), elementwise_grain, run.threads, [=](std::size_t begin, std::size_t end) {
            avx2::field_sub(a.data() + begin, b.data() + begin, prime, out.data() + begin, end - begin);
        });
        return;
    }
#endif
    parallel_each(out.size(), run.threads,
                  [=, m = Modulus(prime)](std::size_t i) { out[i] = m.sub(a[i], b[i]); });
}

void neg(ConstWords a, u64 prime, Words out, Run run) {
    parallel_each(out.size(), run.threads,
                  [=, m = Modulus(prime)](std::size_t i) { out[i] = m.sub(0, a[i]); });
}

void mul(ConstWords a, ConstWords b, u64 prime, Words out, Run run) {
    parallel_each(out.size(), run.threads,
                  [=, m = Modulus(prime)](std::size_t i) { out[i] = m.mul(a[i], b[i]); });
}

void sum(ConstWords a, SumShape shape, u64 prime, Words out, Run run) {
    sum_axis(a, shape, out, run.threads,
             [m = Modulus(prime)](u64 total, u64 term) { return m.add(total, term); });
}

void sumpool(ConstWords x, const PoolShape& shape, u64 prime, Words out, Run run) {
    sum_windows(x, shape, out, run.threads,
                [m = Modulus(prime)](u64 total, u64 term) { return m.add(total, term); });
}

void matmul(ConstWords a, ConstWords b, MatmulShape shape, u64 prime, Words out, Run run) {
    multiply(Matrix(a.data(), shape.depth), Matrix(b.data(), shape.columns), shape, prime, out, run);
}

void conv2d(ConstWords x, ConstWords w, const ConvShape& shape, u64 prime, Words out, Run run) {
    multiply(Patches(x.data(), shape), Matrix(w.data(), shape.filters), shape.matmul(), prime, out, run);
}

}  // namespace trine::ring::field
