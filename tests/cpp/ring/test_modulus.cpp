// Reduction without division, against division.
#include "reference.hpp"
#include "ring/modulus.hpp"

namespace trine::ring {

constexpr u64 moduli[] = {
    3, 5, 65537, 78090573363827, (u64{1} << 50) - 27, (u64{1} << 61) - 1, (u64{1} << 62) - 57};

TEST(Modulus, ReducesAnyWidth) {
    for (const u64 q : moduli) {
        const Modulus modulus(q);
        const test::Array words = test::random_words(2000, q);
        for (std::size_t i = 0; i < words.size(); i += 2) {
            const u128 value = u128{words[i]} << 64 | words[i + 1];
            for (int shift = 0; shift < 128; shift += 9)
                ASSERT_EQ(modulus.reduce(value >> shift), (value >> shift) % q);
            ASSERT_EQ(modulus.fold(value) % q, value % q);
            ASSERT_LT(modulus.fold(value), u128{q} << 64);
        }
        ASSERT_EQ(modulus.reduce(~u128{0}), ~u128{0} % q);
        ASSERT_LT(modulus.fold(~u128{0}), u128{q} << 64);
    }
}

TEST(Modulus, ArithmeticAtTheEdges) {
    for (const u64 q : moduli) {
        const Modulus modulus(q);
        for (const u64 a : {u64{0}, u64{1}, q / 2, q - 2, q - 1})
            for (const u64 b : {u64{0}, u64{1}, q / 2, q - 2, q - 1}) {
                EXPECT_EQ(modulus.add(a, b), (u128{a} + b) % q);
                EXPECT_EQ(modulus.sub(a, b), (u128{a} + q - b) % q);
                EXPECT_EQ(modulus.mul(a, b), u128{a} * b % q);
            }
    }
}

}  // namespace trine::ring
