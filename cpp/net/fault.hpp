// Why a session cannot go on: the one error that reaches every wait on it.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace trine::net {

// Keeps alive what a span points into. Whoever makes one sees to it that it may be let go in any thread.
using Owner = std::shared_ptr<void>;

enum class Cause {
    lost,      // a party's connection broke
    silent,    // a party did not answer in time
    protocol,  // a message does not follow the protocol
    given,     // the caller's own error, kept in `given`
};

inline std::string party_name(int party) { return "party " + std::to_string(party); }

class Fault : public std::runtime_error {
  public:
    Fault(Cause why, int whose, const std::string& text, Owner error = {})
        : std::runtime_error(text), cause(why), party(whose), given(std::move(error)) {}

    Cause cause;
    int party;  // -1 where it is not known
    Owner given;
};

}  // namespace trine::net
