// The keystream, against NIST's vectors and against itself started elsewhere.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <thread>

#include "prg/aes_ctr.hpp"
#include "reference.hpp"

namespace trine::prg {

constexpr u8 nist_key[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                             0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};

// NIST SP 800-38A, F.5.1 CTR-AES128.Encrypt: the output blocks, of the counter f0f1f2f3f4f5f6f7
// f8f9fafbfcfdfeff and the three after it.
constexpr u8 nist_output[64] = {0xec, 0x8c, 0xdf, 0x73, 0x98, 0x60, 0x7c, 0xb0, 0xf2, 0xd2, 0x16, 0x75, 0xea,
                                0x9e, 0xa1, 0xe4, 0x36, 0x2b, 0x7c, 0x3c, 0x67, 0x73, 0x51, 0x63, 0x18, 0xa0,
                                0x77, 0xd7, 0xfc, 0x50, 0x73, 0xae, 0x6a, 0x2c, 0xc3, 0x78, 0x78, 0x89, 0x37,
                                0x4f, 0xbe, 0xb4, 0xc8, 0x1b, 0x17, 0xba, 0x6c, 0x44, 0xe8, 0x9c, 0x39, 0x9f,
                                0xf0, 0xf1, 0x98, 0xc6, 0xd4, 0x0a, 0x31, 0xdb, 0x15, 0x6c, 0xab, 0xfe};
constexpr Position nist_counter = {0xf0f1f2f3f4f5f6f7, 0xf8f9fafbfcfdfeff};

TEST(AesCtr, NistVectors) {
    Keystream keystream{Key(nist_key)};
    for (std::size_t size = 0; size <= 64; ++size) {
        std::vector<u8> out(size);
        keystream.fill(nist_counter, out, 1);
        EXPECT_TRUE(std::equal(out.begin(), out.end(), nist_output));
    }
}

TEST(AesCtr, StartsAtAnyBlockAndOnAnyThread) {
    Keystream keystream{Key(nist_key)};
    std::vector<u8> whole(3'000'007);
    keystream.fill({7}, whole, 1);
    std::vector<u8> threaded(whole.size());
    keystream.fill({7}, threaded, 5);
    EXPECT_EQ(threaded, whole);
    constexpr std::size_t skipped = 16'000;
    std::vector<u8> tail(whole.size() - skipped);
    keystream.fill({7, 1000}, tail, 1);
    EXPECT_TRUE(std::equal(tail.begin(), tail.end(), whole.begin() + skipped));
}

TEST(AesCtr, FillsDoNotDependOnTheOnesBefore) {
    Keystream keystream{Key(nist_key)};
    std::vector<u8> first(100), other(1'000'000), again(100);
    keystream.fill({7, 3}, first, 1);
    keystream.fill({8}, other, 4);
    keystream.fill({7, 3}, again, 1);
    EXPECT_EQ(again, first);
}

TEST(AesCtr, ThreadsTakeTurns) {
    Keystream keystream{Key(nist_key)};
    std::vector<u8> expected(5000);
    keystream.fill({7}, expected, 1);
    std::atomic<int> wrong = 0;
    const auto work = [&] {
        std::vector<u8> out(expected.size());
        for (int i = 0; i < 200; ++i) {
            keystream.fill({7}, out, 1);
            wrong += out != expected;
        }
    };
    std::thread other(work);
    work();
    other.join();
    EXPECT_EQ(wrong, 0);
}

TEST(AesCtr, NeverRunsIntoTheNextStream) {
    Keystream keystream{Key(nist_key)};
    std::vector<u8> out(32);
    EXPECT_NO_THROW(keystream.fill({7, ~u64{0} - 1}, out, 1));
    EXPECT_THROW(keystream.fill({7, ~u64{0}}, out, 1), std::invalid_argument);
    EXPECT_NO_THROW(keystream.fill({7, ~u64{0}}, Bytes(out).first(16), 1));
    EXPECT_NO_THROW(keystream.fill({7, ~u64{0}}, {}, 1));
    std::vector<u64> words(1000);
    EXPECT_THROW(keystream.fill_field({7, ~u64{0} - 100}, 3, words), std::invalid_argument);
}

TEST(AesCtr, FieldKeepsTheWordsBelowThePrimeInOrder) {
    Keystream keystream{Key(nist_key)};
    for (const u64 prime :
         {u64{3}, u64{5}, u64{65537}, u64{78090573363827}, (u64{1} << 61) - 1, (u64{1} << 62) - 57})
        for (const std::size_t count : {0u, 1u, 511u, 512u, 3000u}) {
            std::vector<u64> words(4 * count + 64), out(count, 99), expected;
            keystream.fill({9, 2}, {reinterpret_cast<u8*>(words.data()), words.size() * 8}, 1);
            const u64 mask = std::bit_ceil(prime) - 1;
            for (const u64 word : words)
                if ((word & mask) < prime && expected.size() < count) expected.push_back(word & mask);
            keystream.fill_field({9, 2}, prime, out);
            EXPECT_EQ(out, expected) << prime;
        }
}

}  // namespace trine::prg
