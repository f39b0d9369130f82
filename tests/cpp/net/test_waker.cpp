// Whoever waits is woken, however the ringing and the arming fall together.
#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

#include "net/waker.hpp"

namespace trine::net {
namespace {

bool rung(const Waker& waker, int milliseconds) {
    pollfd polled{waker.descriptor(), POLLIN, 0};
    return ::poll(&polled, 1, milliseconds) > 0;
}

TEST(Waker, RingsOnlyWhenArmed) {
    Waker waker;
    waker.ring();
    EXPECT_FALSE(rung(waker, 0));
    waker.arm();
    EXPECT_FALSE(rung(waker, 0));
    waker.ring();
    waker.ring();
    EXPECT_TRUE(rung(waker, 0));
    waker.disarm(true);
    EXPECT_FALSE(rung(waker, 0));
}

TEST(Waker, NoRingIsLost) {
    Waker waker;
    std::atomic<int> said{0}, heard{0};
    std::thread sayer([&] {
        for (int i = 1; i <= 2000; ++i) {
            said = i;
            waker.ring();
            while (heard != i) std::this_thread::yield();
        }
    });
    while (heard < 2000) {
        waker.arm();
        const bool slept = said == heard;
        const bool woken = slept && rung(waker, 10000);
        EXPECT_TRUE(woken || !slept);
        waker.disarm(woken);
        heard = said.load();
    }
    sayer.join();
}

}  // namespace
}  // namespace trine::net
