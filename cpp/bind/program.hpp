// A protocol that is ready to run on a session's messages.
#pragma once

#include <memory>
#include <vector>

#include "bind/arguments.hpp"
#include "mpc/opening.hpp"

namespace trine::bind {

// Keeps the arrays that it works on.
struct Program {
    std::vector<py::object> arrays;
    std::unique_ptr<mpc::Site> site;
    std::unique_ptr<mpc::Protocol<mpc::opening::Ended>> protocol;  // null once it runs
};

}  // namespace trine::bind
