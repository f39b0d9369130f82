// Asks the processor once, when the library is loaded.
#include "base/cpu.hpp"

#include "base/check.hpp"

namespace trine {

namespace {

bool detect_avx2() {
#ifdef TRINE_AVX2
    return __builtin_cpu_supports("avx2") != 0;
#else
    return false;
#endif
}

const bool has_avx2 = detect_avx2();

}  // namespace

std::vector<std::string> available_isas() {
    if (has_avx2) return {"portable", "avx2"};
    return {"portable"};
}

Isa isa_from_name(const std::string& name) {
    if (name == "portable") return Isa::portable;
    if (name == "auto") return has_avx2 ? Isa::avx2 : Isa::portable;
    require(name == "avx2", "isa must be 'auto', 'portable' or 'avx2', not '" + name + "'");
    require(has_avx2, "isa 'avx2' is not available here: this processor or this build lacks it");
    return Isa::avx2;
}

}  // namespace trine
