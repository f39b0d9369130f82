// Convolutions in both rings, against the definition.
#include "reference.hpp"
#include "ring/conv.hpp"
#include "ring/field.hpp"
#include "ring/z2k.hpp"

namespace trine::ring {

using test::Array, test::random_words;

TEST(Conv, MatchesTheDefinitionInBothRings) {
    const u64 prime = 78090573363827;
    for (const ConvShape& s : test::conv_shapes)
        for (const u64 modulus : {u64{0}, prime}) {
            const Array x = random_words(s.batch * s.height * s.width * s.channels, 1, modulus);
            const Array w =
                random_words(s.kernel_height * s.kernel_width * s.channels * s.filters, 2, modulus);
            const Array expected = test::conv2d(x, w, s, modulus);
            for (const auto run : test::all_runs()) {
                Array out(expected.size(), 99);
                if (modulus == 0)
                    z2k::conv2d(x, w, s, out, run);
                else
                    field::conv2d(x, w, s, prime, out, run);
                ASSERT_EQ(out, expected);
            }
        }
}

// Any block of the patches, not only those that a product happens to ask for.
TEST(Conv, EveryBlockOfPatches) {
    const ConvShape s = {2, 4, 3, 2, 3, 2, 1, {1, 2}, {1, 0, 2, 1}};
    const Array x = random_words(s.batch * s.height * s.width * s.channels, 1);
    const Patches patches(x.data(), s);
    const auto [rows, depth, filters] = s.matmul();
    Array whole(rows * depth), scratch(rows * depth);
    const Block all = patches.read({0, rows}, {0, depth}, whole.data(), depth);
    for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t begin = 0; begin < depth; ++begin)
            for (std::size_t end = begin + 1; end <= depth; ++end) {
                const Block block = patches.read({row, rows}, {begin, end}, scratch.data(), depth);
                for (std::size_t i = row; i < rows; ++i)
                    for (std::size_t k = begin; k < end; ++k)
                        ASSERT_EQ(block.data[(i - row) * block.stride + k - begin],
                                  all.data[i * all.stride + k]);
            }
}

}  // namespace trine::ring
