// Draws, against the keystream that they are cut from.
#include <cstring>

#include "prg/generator.hpp"
#include "reference.hpp"

namespace trine::prg {

using test::Array, test::random_words;

constexpr u8 key[16] = {1, 2, 3};

// The definition of a draw: the low bits of little-endian numbers of the least size that holds them.
Array expected_draw(u64 stream, std::size_t width, std::size_t count) {
    const std::size_t size = width <= 8 ? 1 : width <= 16 ? 2 : width <= 32 ? 4 : 8;
    std::vector<u8> bytes(count * size);
    Keystream keystream{Key(key)};
    keystream.fill({stream}, bytes, 1);
    Array numbers(count);
    for (std::size_t i = 0; i < count; ++i) {
        std::memcpy(&numbers[i], &bytes[i * size], size);
        numbers[i] &= ~u64{0} >> (64 - width);
    }
    return numbers;
}

TEST(Generator, EveryDrawHasItsOwnStream) {
    Generator generator{Key(key)};
    u64 stream = 0;
    for (const std::size_t count : {0u, 1u, 511u, 512u, 513u, 3001u})
        for (std::size_t width = 1; width <= 64; ++width) {
            const Array base = random_words(count, width);
            Array drawn(count), difference = base, joined = base;
            EXPECT_EQ(generator.draws(), stream);
            generator.draw(width, drawn);
            ASSERT_EQ(drawn, expected_draw(stream++, width, count));
            generator.subtract(width, difference);
            const Array subtracted = expected_draw(stream++, width, count);
            generator.exclusive_or(joined);
            const Array mixed = expected_draw(stream++, 64, count);
            for (std::size_t i = 0; i < count; ++i) {
                ASSERT_EQ(difference[i], base[i] - subtracted[i]);
                ASSERT_EQ(joined[i], base[i] ^ mixed[i]);
            }
        }
}

TEST(Generator, FieldDrawsHaveStreamsToo) {
    constexpr u64 prime = 78090573363827;
    Generator generator{Key(key)};
    Array skipped(3), drawn(700), expected(700);
    generator.draw(64, skipped);
    generator.draw_field(prime, drawn);
    Keystream{Key(key)}.fill_field({1}, prime, expected);
    EXPECT_EQ(drawn, expected);
    EXPECT_EQ(generator.draws(), 2u);
}

}  // namespace trine::prg
