// Arithmetic modulo 2^64, against 128-bit integers.
#include "reference.hpp"
#include "ring/z2k.hpp"

namespace trine::ring {

using test::Array, test::random_words;

TEST(Z2k, ElementwiseWraps) {
    for (const std::size_t count : {0u, 1u, 3u, 4u, 5u, 1000u, 70001u})
        for (const auto run : test::all_runs()) {
            const Array a = random_words(count, 1), b = random_words(count, 2);
            Array sum(count), difference(count), product(count), negative(count);
            z2k::add(a, b, sum, run);
            z2k::sub(a, b, difference, run);
            z2k::mul(a, b, product, run);
            z2k::neg(a, negative, run);
            for (std::size_t i = 0; i < count; ++i) {
                ASSERT_EQ(sum[i], static_cast<u64>(u128{a[i]} + b[i]));
                ASSERT_EQ(difference[i], static_cast<u64>((u128{1} << 64) + a[i] - b[i]));
                ASSERT_EQ(product[i], static_cast<u64>(u128{a[i]} * b[i]));
                ASSERT_EQ(negative[i], static_cast<u64>((u128{1} << 64) - a[i]));
            }
        }
}

TEST(Z2k, ElementwiseMayWriteOverItsInput) {
    for (const auto run : test::all_runs()) {
        Array a = random_words(1003, 1);
        const Array before = a;
        z2k::mul(a, a, a, run);
        for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(a[i], before[i] * before[i]);
    }
}

TEST(Z2k, Sum) {
    for (const SumShape shape :
         {SumShape{0, 2, 3}, {2, 0, 3}, {2, 3, 0}, {3, 5, 1}, {4, 9, 7}, {300, 20, 11}})
        for (const auto run : test::all_runs()) {
            const Array a = random_words(shape.outer * shape.axis * shape.inner, 3);
            Array out(shape.outer * shape.inner, 99);
            z2k::sum(a, shape, out, run);
            for (std::size_t o = 0; o < shape.outer; ++o)
                for (std::size_t i = 0; i < shape.inner; ++i) {
                    u64 total = 0;
                    for (std::size_t k = 0; k < shape.axis; ++k)
                        total += a[(o * shape.axis + k) * shape.inner + i];
                    ASSERT_EQ(out[o * shape.inner + i], total);
                }
        }
}

TEST(Z2k, SumpoolIsAConvolutionWithOnes) {
    for (const PoolShape shape :
         {PoolShape{2, 7, 6, 1, {2, 2}, {2, 2}}, {1, 5, 5, 1, {3, 2}, {1, 2}}, {1, 1, 1, 1, {2, 2}, {2, 2}}})
        for (const auto run : test::all_runs()) {
            const Array x = random_words(shape.batch * shape.height * shape.width, 4);
            const Array ones(shape.window[0] * shape.window[1], 1);
            Array out(shape.batch * shape.out_height() * shape.out_width());
            z2k::sumpool(x, shape, out, run);
            EXPECT_EQ(out, test::conv2d(x, ones,
                                        {shape.batch,
                                         shape.height,
                                         shape.width,
                                         1,
                                         shape.window[0],
                                         shape.window[1],
                                         1,
                                         shape.stride,
                                         {}}));
        }
}

TEST(Z2k, SumpoolKeepsChannelsApart) {
    const PoolShape shape{1, 2, 3, 2, {2, 2}, {1, 1}};
    const Array x = {1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60};
    Array out(4);
    z2k::sumpool(x, shape, out, {Isa::portable, 1});
    EXPECT_EQ(out, (Array{12, 120, 16, 160}));
}

static void check_matmul(const std::vector<MatmulShape>& shapes) {
    for (const MatmulShape shape : shapes) {
        const Array a = random_words(shape.rows * shape.depth, 5),
                    b = random_words(shape.depth * shape.columns, 6);
        const Array expected = test::matmul(a, b, shape);
        for (const auto run : test::all_runs()) {
            Array out(shape.rows * shape.columns, 99);
            z2k::matmul(a, b, shape, out, run);
            ASSERT_EQ(out, expected) << shape.rows << " " << shape.depth << " " << shape.columns;
        }
    }
}

TEST(Z2k, MatmulOfManyBlocks) { check_matmul(test::matmul_shapes); }

TEST(Z2k, MatmulOfEveryTile) { check_matmul(test::tile_shapes()); }

TEST(Z2k, MatmulOfTheLargestWords) {
    const MatmulShape shape{9, 600, 9};
    const Array a(shape.rows * shape.depth, ~u64{0}), b(shape.depth * shape.columns, ~u64{0});
    for (const auto run : test::all_runs()) {
        Array out(shape.rows * shape.columns);
        z2k::matmul(a, b, shape, out, run);
        EXPECT_EQ(out, Array(out.size(), 600));  // (-1)(-1) 600 times
    }
}

}  // namespace trine::ring
