// Which instruction sets this build and this processor both have.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace trine {

enum class Isa { portable, neon, avx2, avx512 };
inline constexpr std::size_t isa_count = 4;

std::vector<std::string> available_isas();

// "auto" is the fastest one available. Throws std::invalid_argument for one that is not.
Isa isa_from_name(const std::string& name);

// AVX-512's 52-bit multiply-add, which not every processor with Isa::avx512 has.
bool has_avx512_ifma();

}  // namespace trine
