// Three parties' local halves add up to the product of what they share.
#include <array>

#include "mpc/rss.hpp"
#include "reference.hpp"

namespace trine::mpc {

using test::Array, test::random_words;

// A secret's three additive shares; party i holds number i and the next one.
struct Shares {
    std::array<Array, 3> of;

    Shares(std::size_t count, u64 seed)
        : of{random_words(count, seed), random_words(count, seed + 1), random_words(count, seed + 2)} {}
    const Array& a(std::size_t party) const { return of[party]; }
    const Array& b(std::size_t party) const { return of[(party + 1) % 3]; }
    template <class Combine>
    Array secret(Combine combine) const {
        Array sum(of[0].size());
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = combine(combine(of[0][i], of[1][i]), of[2][i]);
        return sum;
    }
};

template <class Local, class Combine>
Array over_parties(const Shares& x, const Shares& y, std::size_t out_size, Local local, Combine combine) {
    Array total(out_size);
    for (std::size_t party = 0; party < 3; ++party) {
        Array out(out_size, 99);
        local(x.a(party), x.b(party), y.a(party), y.b(party), out);
        for (std::size_t i = 0; i < out_size; ++i) total[i] = combine(total[i], out[i]);
    }
    return total;
}

TEST(Rss, MulSharesTheProduct) {
    for (const std::size_t count : {0u, 1u, 3u, 4u, 1001u, 40001u})
        for (const auto run : test::all_runs()) {
            const Shares x(count, 10), y(count, 20);
            const auto local = [&](auto& xa, auto& xb, auto& ya, auto& yb, auto& out) {
                rss::mul(xa, xb, ya, yb, out, run);
            };
            Array expected = x.secret(std::plus{});
            const Array factor = y.secret(std::plus{});
            for (std::size_t i = 0; i < count; ++i) expected[i] *= factor[i];
            ASSERT_EQ(over_parties(x, y, count, local, std::plus{}), expected);
        }
}

TEST(Rss, AndSharesTheConjunction) {
    for (const auto run : test::all_runs()) {
        const Shares x(1001, 10), y(1001, 20);
        const auto local = [&](auto& xa, auto& xb, auto& ya, auto& yb, auto& out) {
            rss::and_words(xa, xb, ya, yb, out, run);
        };
        Array expected = x.secret(std::bit_xor{});
        const Array factor = y.secret(std::bit_xor{});
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i] &= factor[i];
        ASSERT_EQ(over_parties(x, y, expected.size(), local, std::bit_xor{}), expected);
    }
}

TEST(Rss, MatmulSharesTheProduct) {
    for (const MatmulShape shape : test::matmul_shapes)
        for (const auto run : test::all_runs()) {
            const Shares x(shape.rows * shape.depth, 10), y(shape.depth * shape.columns, 20);
            const auto local = [&](auto& xa, auto& xb, auto& ya, auto& yb, auto& out) {
                rss::matmul(xa, xb, ya, yb, shape, out, run);
            };
            ASSERT_EQ(over_parties(x, y, shape.rows * shape.columns, local, std::plus{}),
                      test::matmul(x.secret(std::plus{}), y.secret(std::plus{}), shape));
        }
}

TEST(Rss, ConvSharesTheConvolution) {
    for (const ConvShape& s : test::conv_shapes)
        for (const auto run : test::all_runs()) {
            const Shares x(s.batch * s.height * s.width * s.channels, 10);
            const Shares w(s.kernel_height * s.kernel_width * s.channels * s.filters, 20);
            const auto local = [&](auto& xa, auto& xb, auto& wa, auto& wb, auto& out) {
                rss::conv2d(xa, xb, wa, wb, s, out, run);
            };
            const Array expected = test::conv2d(x.secret(std::plus{}), w.secret(std::plus{}), s);
            ASSERT_EQ(over_parties(x, w, expected.size(), local, std::plus{}), expected);
        }
}

TEST(Rss, PackedOperandsGiveTheSameBits) {
    for (const MatmulShape shape : test::matmul_shapes)
        for (const auto run : test::all_runs()) {
            const std::size_t x_size = shape.rows * shape.depth, y_size = shape.depth * shape.columns;
            const Array xa = random_words(x_size, 1), xb = random_words(x_size, 2);
            const Array ya = random_words(y_size, 3), yb = random_words(y_size, 4);
            Array plain(shape.rows * shape.columns, 99), packed(plain.size(), 98);
            rss::matmul(xa, xb, ya, yb, shape, plain, run);
            const ring::PackedOperand y = rss::pack(ya, yb, shape.depth, shape.columns, run.isa);
            rss::matmul(xa, xb, y, shape, packed, run.threads);
            ASSERT_EQ(packed, plain);
        }
    for (const ConvShape& s : test::conv_shapes)
        for (const auto run : test::all_runs()) {
            const MatmulShape product = s.matmul();
            const std::size_t x_size = s.batch * s.height * s.width * s.channels;
            const std::size_t w_size = product.depth * product.columns;
            const Array xa = random_words(x_size, 1), xb = random_words(x_size, 2);
            const Array wa = random_words(w_size, 3), wb = random_words(w_size, 4);
            Array plain(product.rows * product.columns, 99), packed(plain.size(), 98);
            rss::conv2d(xa, xb, wa, wb, s, plain, run);
            const ring::PackedOperand w = rss::pack(wa, wb, product.depth, product.columns, run.isa);
            rss::conv2d(xa, xb, w, s, packed, run.threads);
            ASSERT_EQ(packed, plain);
        }
}

}  // namespace trine::mpc
