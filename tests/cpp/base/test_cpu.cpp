// The choice of a code path by name.
#include <gtest/gtest.h>

#include "base/cpu.hpp"

namespace trine {

TEST(Cpu, PortableIsAlwaysThere) {
    EXPECT_EQ(available_isas().front(), "portable");
    EXPECT_EQ(isa_from_name("portable"), Isa::portable);
}

TEST(Cpu, AutoIsTheLastOfTheList) {
    EXPECT_EQ(isa_from_name("auto"), isa_from_name(available_isas().back()));
}

TEST(Cpu, EveryAvailableNameIsItsOwnPath) {
    const auto available = available_isas();
    for (std::size_t i = 1; i < available.size(); ++i)
        EXPECT_LT(isa_from_name(available[i - 1]), isa_from_name(available[i]));
}

TEST(Cpu, FiftyTwoBitProductsComeWithAvx512) {
    if (has_avx512_ifma()) {
        EXPECT_EQ(available_isas().back(), "avx512");
    }
}

TEST(Cpu, RefusesWhatItDoesNotKnow) {
    EXPECT_THROW(isa_from_name("sse9"), std::invalid_argument);
    EXPECT_THROW(isa_from_name(""), std::invalid_argument);
}

}  // namespace trine
