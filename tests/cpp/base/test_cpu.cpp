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

TEST(Cpu, RefusesWhatItDoesNotKnow) {
    EXPECT_THROW(isa_from_name("sse9"), std::invalid_argument);
    EXPECT_THROW(isa_from_name(""), std::invalid_argument);
}

}  // namespace trine
