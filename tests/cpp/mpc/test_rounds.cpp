// What happens between two messages, against a number at a time; and each message against the numbers it
// says.
#include "mpc/rounds.hpp"
#include "reference.hpp"
#include "ring/bits.hpp"

namespace trine::mpc::rounds {

using test::Array, test::random_words;

constexpr std::size_t counts[] = {0, 1, 63, 64, 65, 511, 512, 513, 1500};

struct Case {
    std::size_t count, width;
    Isa isa;
    Array plane, other_plane;

    u64 bit(std::size_t i) const { return plane[i / 64] >> i % 64 & 1; }
    u64 other_bit(std::size_t i) const { return other_plane[i / 64] >> i % 64 & 1; }
};

template <class Body>
void each_case(Body body) {
    for (const auto& name : available_isas())
        for (const std::size_t count : counts)
            for (const std::size_t width : {1u, 13u, 40u, 57u, 64u})
                body(Case{count, width, isa_from_name(name), random_words(count / 64 + 1, 1),
                          random_words(count / 64 + 1, 2)});
}

// The numbers in a message, with the bits that it does not say taken from `whole`.
void expect_message(const std::vector<u8>& message, const Array& whole, std::size_t width) {
    Array said(whole.size());
    ring::bits::unpack(message, width, said, 1);
    const u64 mask = ~u64{0} >> (64 - width);
    for (std::size_t i = 0; i < whole.size(); ++i) ASSERT_EQ(said[i], whole[i] & mask);
}

TEST(Rounds, TimesKnown) {
    each_case([](const Case& c) {
        const Array half = random_words(c.count, 3), pad = random_words(c.count, 4);
        for (const bool signs : {false, true}) {
            Array out(c.count), expected(c.count);
            std::vector<u8> message(ring::bits::packed_bytes(c.count, c.width));
            times_known(half, c.plane, pad, signs, c.width, out, message, c.isa);
            for (std::size_t i = 0; i < c.count; ++i)
                expected[i] = half[i] * (signs ? 1 - 2 * c.bit(i) : c.bit(i)) - pad[i];
            ASSERT_EQ(out, expected);
            expect_message(message, out, c.width);
        }
    });
}

TEST(Rounds, ShareUpper) {
    each_case([](const Case& c) {
        const Array known = random_words(c.count, 3), pad = random_words(c.count, 4);
        for (const std::size_t bits : {1u, 20u, 64u}) {
            const std::size_t shift = bits / 2;
            Array out(c.count), expected(c.count);
            std::vector<u8> message(ring::bits::packed_bytes(c.count, c.width));
            share_upper(known, bits, shift, pad, c.width, out, message, c.isa);
            for (std::size_t i = 0; i < c.count; ++i)
                expected[i] = ((known[i] & (~u64{0} >> (64 - bits))) >> shift) - pad[i];
            ASSERT_EQ(out, expected);
            expect_message(message, out, c.width);
        }
    });
}

TEST(Rounds, QuotientInPlace) {
    each_case([](const Case& c) {
        const Array base = random_words(c.count, 3), wrap = random_words(c.count, 4);
        for (const bool tops : {false, true}) {
            Array out = base, expected(c.count);
            quotient(out, wrap, c.plane, tops ? ConstWords(c.other_plane) : ConstWords(), 19, out, c.isa);
            for (std::size_t i = 0; i < c.count; ++i) {
                const u64 top = tops ? c.other_bit(i) & c.bit(i) : 0;
                expected[i] = base[i] + (((1 - 2 * c.bit(i)) * wrap[i] + top) << 19);
            }
            ASSERT_EQ(out, expected);
        }
    });
}

TEST(Rounds, MultiplyInPlace) {
    each_case([](const Case& c) {
        const Array xa = random_words(c.count, 3), xb = random_words(c.count, 4),
                    ya = random_words(c.count, 5), yb = random_words(c.count, 6),
                    zero = random_words(c.count, 7);
        Array out = zero, expected(c.count);
        std::vector<u8> message(ring::bits::packed_bytes(c.count, c.width));
        multiply(xa, xb, ya, yb, out, c.width, out, message, c.isa);
        for (std::size_t i = 0; i < c.count; ++i)
            expected[i] = xa[i] * ya[i] + xa[i] * yb[i] + xb[i] * ya[i] + zero[i];
        ASSERT_EQ(out, expected);
        expect_message(message, out, c.width);
    });
}

TEST(Rounds, UnflipInPlace) {
    each_case([](const Case& c) {
        const Array value = random_words(c.count, 3), product = random_words(c.count, 4);
        Array out = product, expected(c.count);
        unflip(c.plane, value, out, out, c.isa);
        for (std::size_t i = 0; i < c.count; ++i) expected[i] = c.bit(i) ? value[i] - product[i] : product[i];
        ASSERT_EQ(out, expected);
    });
}

}  // namespace trine::mpc::rounds
