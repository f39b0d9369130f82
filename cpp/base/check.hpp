// What a kernel says when it is called with arguments that do not fit together.
#pragma once

#include <stdexcept>
#include <string>

namespace trine {

// Throws std::invalid_argument, which Python sees as ValueError.
inline void require(bool holds, const char* message) {
    if (!holds) throw std::invalid_argument(message);
}

inline void require(bool holds, const std::string& message) {
    if (!holds) throw std::invalid_argument(message);
}

}  // namespace trine
