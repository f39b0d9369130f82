// Which instruction sets this build and this processor both have.
#pragma once

#include <string>
#include <vector>

namespace trine {

enum class Isa { portable, avx2 };

std::vector<std::string> available_isas();

// "auto" is the fastest one available. Throws std::invalid_argument for one that is not.
Isa isa_from_name(const std::string& name);

}  // namespace trine
