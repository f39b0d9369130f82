// Output sizes, against counting.
#include <gtest/gtest.h>

#include "base/shape.hpp"

namespace trine {

TEST(Shape, CountsWindowsByTryingThem) {
    for (std::size_t length = 0; length < 12; ++length)
        for (std::size_t window = 1; window < 6; ++window)
            for (std::size_t stride = 1; stride < 5; ++stride) {
                std::size_t places = 0;
                for (std::size_t at = 0; at + window <= length; at += stride) ++places;
                EXPECT_EQ(window_places(length, window, stride), places);
            }
}

}  // namespace trine
