// What the bindings of the network share: errors, waiting without the GIL, bytes.
#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "bind/arguments.hpp"
#include "net/fault.hpp"
#include "net/link.hpp"

namespace trine::bind {

using Seconds = Given<"float">;
using AnyBytes = Given<"bytes">;

// A wait is broken off so often to look for signals, which Python answers in its main thread only.
inline constexpr std::chrono::milliseconds signal_slice{100};

// The exception that says in Python what a fault says.
py::object to_exception(const net::Fault& fault);

net::Clock::duration duration(const Seconds& given, const char* name);
// Borrowed, for as long as the object lives.
std::span<const u8> borrowed(const AnyBytes& given, const char* name);

// A connection that Python may close while others still use it.
struct TlsConnection {
    std::shared_ptr<net::Connection> connection;
    net::Connection& open() const;
};

// Runs something without the GIL. The GIL is not taken back in a destructor: where the interpreter is
// shutting down, taking it ends the thread by unwinding its stack, which no destructor survives.
template <class Action>
auto unlocked(Action action) {
    using Result = std::invoke_result_t<Action>;
    std::optional<std::conditional_t<std::is_void_v<Result>, bool, Result>> result;
    std::exception_ptr error;
    PyThreadState* const thread = PyEval_SaveThread();
    try {
        if constexpr (std::is_void_v<Result>)
            action();
        else
            result = action();
    } catch (...) {
        error = std::current_exception();
    }
    PyEval_RestoreThread(thread);
    if (error) std::rethrow_exception(error);
    if constexpr (!std::is_void_v<Result>) return std::move(*result);
}

inline void answer_signals() {
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

}  // namespace trine::bind
