// Asks the processor what it has.
#include "base/cpu.hpp"

#include <algorithm>
#include <array>

#include "base/check.hpp"

namespace trine {

namespace {

constexpr std::array<const char*, isa_count> names{"portable", "neon", "avx2", "avx512"};

bool is_available(Isa isa) {
    switch (isa) {
        case Isa::portable:
            return true;
#ifdef TRINE_NEON
        case Isa::neon:
            return true;
#endif
#ifdef TRINE_X86
        case Isa::avx2:
            return __builtin_cpu_supports("avx2") != 0;
        case Isa::avx512:
            return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("avx512f") != 0 &&
                   __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
#endif
        default:
            return false;
    }
}

}  // namespace

std::vector<std::string> available_isas() {
    std::vector<std::string> available;
    for (std::size_t i = 0; i < isa_count; ++i)
        if (is_available(static_cast<Isa>(i))) available.emplace_back(names[i]);
    return available;
}

Isa isa_from_name(const std::string& name) {
    if (name == "auto") {
        std::size_t best = isa_count - 1;
        while (!is_available(static_cast<Isa>(best))) --best;
        return static_cast<Isa>(best);
    }
    const auto at = std::find(names.begin(), names.end(), name);
    require(at != names.end(),
            "isa must be 'auto', 'portable', 'neon', 'avx2' or 'avx512', not '" + name + "'");
    const auto isa = static_cast<Isa>(at - names.begin());
    require(is_available(isa),
            "isa '" + name + "' is not available here: this processor or this build lacks it");
    return isa;
}

bool has_avx512_ifma() {
#ifdef TRINE_X86
    return is_available(Isa::avx512) && __builtin_cpu_supports("avx512ifma") != 0;
#else
    return false;
#endif
}

}  // namespace trine
