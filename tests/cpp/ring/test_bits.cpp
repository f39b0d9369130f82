// Packing and planes, against one bit after the other.
#include "reference.hpp"
#include "ring/bits.hpp"

namespace trine::ring {

using test::Array, test::random_words;

constexpr std::size_t counts[] = {0, 1, 3, 63, 64, 65, 200, 517};

u64 low(u64 word, std::size_t width) { return width == 64 ? word : word & ((u64{1} << width) - 1); }

TEST(Bits, PackIsABitString) {
    for (const std::size_t count : counts)
        for (std::size_t width = 1; width <= 64; ++width) {
            const Array x = random_words(count, width);
            std::vector<u8> expected((count * width + 7) / 8);
            for (std::size_t bit = 0; bit < count * width; ++bit)
                expected[bit / 8] =
                    static_cast<u8>(expected[bit / 8] | (x[bit / width] >> bit % width & 1) << bit % 8);
            ASSERT_EQ(bits::packed_bytes(count, width), expected.size());
            std::vector<u8> packed(expected.size(), 0xAA);
            bits::pack(x, width, packed, 2);
            ASSERT_EQ(packed, expected) << count << " " << width;

            if (count * width % 8 != 0)
                packed.back() = static_cast<u8>(packed.back() | 0xFF << count * width % 8);
            Array back(count, 99);
            bits::unpack(packed, width, back, 2);
            for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(back[i], low(x[i], width));
        }
}

TEST(Bits, PlanesBitByBit) {
    for (const std::size_t count : {0u, 1u, 64u, 65u, 517u, 1100u})
        for (const std::size_t width : {1u, 7u, 33u, 64u}) {
            const Array x = random_words(count, width);
            const std::size_t words = bits::plane_words(count);
            Array planes(width * words, 99), back(count, 99);
            bits::to_planes(x, 0, width, planes, 2);
            for (std::size_t j = 0; j < width; ++j)
                for (std::size_t e = 0; e < words * 64; ++e)
                    ASSERT_EQ(planes[j * words + e / 64] >> e % 64 & 1, e < count ? x[e] >> j & 1 : 0);
            bits::from_planes(planes, width, back, 2);
            for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(back[i], low(x[i], width));
        }
}

TEST(Bits, PlanesFromAnyBitUp) {
    const Array x = random_words(130, 5);
    const std::size_t words = bits::plane_words(x.size());
    Array all(64 * words);
    bits::to_planes(x, 0, 64, all, 1);
    for (std::size_t low = 0; low < 64; ++low) {
        const std::size_t width = (64 - low + 1) / 2;
        Array some(width * words, 99);
        bits::to_planes(x, low, width, some, 1);
        for (std::size_t i = 0; i < some.size(); ++i) ASSERT_EQ(some[i], all[low * words + i]);
    }
}

TEST(Bits, SumsArePackedAndUnpackedOnTop) {
    for (const std::size_t count : {0u, 1u, 63u, 64u, 65u, 1000u})
        for (std::size_t width = 1; width <= 64; ++width) {
            const Array x = random_words(count, 1), y = random_words(count, 2);
            Array sum(count), total = x, expected(count);
            for (std::size_t i = 0; i < count; ++i) sum[i] = x[i] + y[i];
            std::vector<u8> of_sum(bits::packed_bytes(count, width)), packed(of_sum.size());
            bits::pack_sum(x, y, width, of_sum);
            bits::pack(sum, width, packed, 1);
            ASSERT_EQ(of_sum, packed);
            bits::add_unpacked(packed, width, total);
            for (std::size_t i = 0; i < count; ++i) expected[i] = x[i] + low(sum[i], width);
            ASSERT_EQ(total, expected);
        }
}

TEST(Bits, ThreadsChangeNothing) {
    const Array x = random_words(200001, 1);
    std::vector<u8> one(bits::packed_bytes(x.size(), 13)), three(one.size());
    bits::pack(x, 13, one, 1);
    bits::pack(x, 13, three, 3);
    EXPECT_EQ(one, three);
    Array planes_one(13 * bits::plane_words(x.size())), planes_three(planes_one.size());
    bits::to_planes(x, 0, 13, planes_one, 1);
    bits::to_planes(x, 0, 13, planes_three, 3);
    EXPECT_EQ(planes_one, planes_three);
    Array back(x.size());
    bits::from_planes(planes_three, 13, back, 3);
    Array unpacked(x.size());
    bits::unpack(three, 13, unpacked, 3);
    EXPECT_EQ(back, unpacked);
}

}  // namespace trine::ring
