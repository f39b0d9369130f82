// Headers of frames: their bytes, their limits, and random ones.
#include <gtest/gtest.h>

#include <random>

#include "net/fault.hpp"
#include "net/frame.hpp"

namespace trine::net {
namespace {

TEST(Frame, TheHeaderIsFrozen) {
    const HeaderBytes bytes = pack({Kind::data, 0x0D0E0F, 0x0102030405060708, 0x090A0B0C});
    const HeaderBytes expected{1, 2, 0, 0, 0x0F, 0x0E, 0x0D, 0, 8, 7, 6, 5, 4, 3, 2, 1, 0x0C, 0x0B, 0x0A, 9};
    EXPECT_EQ(bytes, expected);
}

TEST(Frame, WhatDoesNotFitIsNotPacked) {
    EXPECT_NO_THROW(pack({Kind::control, u64{1} << 20, 0, 0}));
    EXPECT_THROW(pack({Kind::control, (u64{1} << 20) + 1, 0, 0}), Fault);
    EXPECT_NO_THROW(pack({Kind::data, u64{1} << 30, 1, ~u32{0}}));
    EXPECT_THROW(pack({Kind::data, (u64{1} << 30) + 1, 1, 0}), Fault);
    EXPECT_THROW(pack({Kind::data, 0, 1, u64{1} << 32}), Fault);
}

TEST(Frame, RandomHeadersAreRefusedOrTheSameWhenPackedAgain) {
    std::mt19937_64 random(1);
    int refused = 0, read = 0;
    for (int i = 0; i < 100000; ++i) {
        HeaderBytes bytes = pack({Kind::data, random() >> 34, (random() >> 1) + 1, random() >> 32});
        if (i % 2) bytes[random() % header_bytes] = static_cast<u8>(random());
        try {
            EXPECT_EQ(pack(unpack(bytes)), bytes);
            ++read;
        } catch (const Fault& fault) {
            EXPECT_EQ(fault.cause, Cause::protocol);
            ++refused;
        }
    }
    EXPECT_GT(refused, 5000);
    EXPECT_GT(read, 60000);
}

}  // namespace
}  // namespace trine::net
