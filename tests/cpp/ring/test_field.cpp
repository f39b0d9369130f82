// Field arithmetic, against 128-bit division.
#include "reference.hpp"
#include "ring/field.hpp"

namespace trine::ring {

using test::Array, test::random_words;

// The smallest, the seed's, both sides of where two limbs and where 52 bits stop being enough, and the
// largest.
constexpr u64 primes[] = {3,
                          5,
                          78090573363827,
                          (u64{1} << 50) - 27,
                          (u64{1} << 50) + 55,
                          (u64{1} << 52) - 47,
                          (u64{1} << 52) + 21,
                          (u64{1} << 61) - 1,
                          (u64{1} << 62) - 57};

TEST(Field, Elementwise) {
    for (const u64 q : primes)
        for (const std::size_t count : {0u, 1u, 5u, 1000u, 40001u})
            for (const auto run : test::all_runs()) {
                const Array a = random_words(count, 1, q), b = random_words(count, 2, q);
                Array sum(count), difference(count), product(count), negative(count);
                field::add(a, b, q, sum, run);
                field::sub(a, b, q, difference, run);
                field::mul(a, b, q, product, run);
                field::neg(a, q, negative, run);
                for (std::size_t i = 0; i < count; ++i) {
                    ASSERT_EQ(sum[i], (u128{a[i]} + b[i]) % q);
                    ASSERT_EQ(difference[i], (u128{a[i]} + q - b[i]) % q);
                    ASSERT_EQ(product[i], u128{a[i]} * b[i] % q);
                    ASSERT_EQ(negative[i], (q - a[i]) % q);
                }
            }
}

static void check_matmul(const std::vector<MatmulShape>& shapes) {
    for (const u64 q : primes)
        for (const MatmulShape shape : shapes) {
            const Array a = random_words(shape.rows * shape.depth, 5, q);
            const Array b = random_words(shape.depth * shape.columns, 6, q);
            const Array expected = test::matmul(a, b, shape, q);
            for (const auto run : test::all_runs()) {
                Array out(shape.rows * shape.columns, 99);
                field::matmul(a, b, shape, q, out, run);
                ASSERT_EQ(out, expected) << q;
            }
        }
}

TEST(Field, MatmulOfManyBlocks) { check_matmul(test::matmul_shapes); }

TEST(Field, MatmulOfEveryTile) { check_matmul(test::tile_shapes()); }

TEST(Field, MatmulOfTheLargestResidues) {
    const MatmulShape shape{5, 2500, 5};
    for (const u64 q : primes) {
        const Array a(shape.rows * shape.depth, q - 1), b(shape.depth * shape.columns, q - 1);
        for (const auto run : test::all_runs()) {
            Array out(shape.rows * shape.columns);
            field::matmul(a, b, shape, q, out, run);
            EXPECT_EQ(out, Array(out.size(), 2500 % q));
        }
    }
}

TEST(Field, SumAndSumpool) {
    for (const u64 q : primes)
        for (const auto run : test::all_runs()) {
            const Array a = random_words(360, 7, q);
            for (const std::size_t inner : {1u, 10u}) {
                const SumShape shape{4, 90 / inner, inner};
                Array out(4 * inner);
                field::sum(a, shape, q, out, run);
                for (std::size_t o = 0; o < 4; ++o)
                    for (std::size_t i = 0; i < inner; ++i) {
                        u128 total = 0;
                        for (std::size_t k = 0; k < shape.axis; ++k)
                            total += a[(o * shape.axis + k) * inner + i];
                        ASSERT_EQ(out[o * inner + i], total % q);
                    }
            }
            const PoolShape shape{4, 9, 10, 1, {3, 2}, {2, 2}};
            Array out(shape.batch * shape.out_height() * shape.out_width());
            field::sumpool(a, shape, q, out, run);
            ASSERT_EQ(out, test::conv2d(a, Array(6, 1), {4, 9, 10, 1, 3, 2, 1, {2, 2}, {}}, q));
        }
}

TEST(Field, AllResidues) {
    for (const u64 q : primes)
        for (const int threads : {1, 3}) {
            Array a = random_words(100003, 8, q);
            EXPECT_TRUE(field::all_residues(a, q, threads));
            for (const u64 outside : {q, q + 1, u64{1} << 63, ~u64{0}, ~u64{0} - q})
                for (const std::size_t at : {std::size_t{0}, std::size_t{77777}, a.size() - 1}) {
                    Array bad = a;
                    bad[at] = outside;
                    EXPECT_FALSE(field::all_residues(bad, q, threads));
                }
        }
    EXPECT_TRUE(field::all_residues({}, 3, 1));
}

TEST(Field, RefusesOtherModuli) {
    for (const u64 modulus : {u64{0}, u64{1}, u64{2}, u64{4}, u64{1} << 61, (u64{1} << 62) + 1, ~u64{0}})
        EXPECT_THROW(field::require_modulus(modulus), std::invalid_argument);
    for (const u64 prime : primes) EXPECT_NO_THROW(field::require_modulus(prime));
}

}  // namespace trine::ring
