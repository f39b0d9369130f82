// How a kernel is to run: neither choice changes a bit of the result.
#pragma once

#include "base/cpu.hpp"

namespace trine {

struct Run {
    Isa isa;
    int threads;
};

}  // namespace trine
