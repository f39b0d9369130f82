// Splitting work over threads: everything once, errors not lost.
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "base/parallel.hpp"

namespace trine {

TEST(Parallel, CoversEveryIndexOnceWithWholeGrains) {
    for (const std::size_t count : {0u, 1u, 7u, 64u, 1000u})
        for (const std::size_t grain : {1u, 6u, 64u, 5000u})
            for (const int threads : {-1, 1, 2, 3, 16}) {
                std::vector<int> visits(count);
                parallel_for(count, grain, threads, [&](std::size_t begin, std::size_t end) {
                    EXPECT_EQ(begin % grain, 0u);
                    EXPECT_TRUE(end % grain == 0 || end == count);
                    for (std::size_t i = begin; i < end; ++i) ++visits[i];
                });
                EXPECT_EQ(visits, std::vector<int>(count, 1));
            }
}

TEST(Parallel, ThrowsWhatAThreadThrew) {
    const auto fail_at_the_end = [](std::size_t, std::size_t end) {
        if (end == 100) throw std::runtime_error("no");
    };
    EXPECT_THROW(parallel_for(100, 1, 4, fail_at_the_end), std::runtime_error);
    EXPECT_THROW(parallel_for(100, 1, 1, fail_at_the_end), std::runtime_error);
}

}  // namespace trine
