// A party's side of a protocol as a coroutine: it says what it sends and what it expects, awaits the round,
// and is resumed when what it expected has come. The compiled counterpart of trine.mpc.rounds.
#pragma once

#include <array>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/cpu.hpp"
#include "base/span.hpp"
#include "prg/generator.hpp"
#include "ring/bits.hpp"

namespace trine::mpc {

inline constexpr int parties = 3;

// A party in a running protocol: its part in the round that is being put together, its keys, and the memory
// that messages come from and land in.
class Site {
  public:
    // What goes to one peer in a round and what will come from it, piece by piece; without pieces, nothing.
    struct Messages {
        std::vector<ConstBytes> sent;
        std::vector<Bytes> expected;
    };

    // Of the keys number `index` and `index + 1`, and of the one that is this party's alone.
    struct Keys {
        prg::Generator &first, &second, &own;
    };
    Site(int index, Keys keys, Isa path) : party(index), isa(path), keys_(keys) {}
    Site(const Site&) = delete;
    Site& operator=(const Site&) = delete;

    int next() const { return (party + 1) % parties; }
    int previous() const { return (party + 2) % parties; }
    prg::Generator& common(int key) const { return key == party ? keys_.first : keys_.second; }
    prg::Generator& own() const { return keys_.own; }

    void send(int peer, ConstBytes piece) { with(peer).sent.push_back(piece); }
    void send(int peer, ConstWords words) { send(peer, as_bytes(words)); }
    // Where the next piece from the peer will be, once the round is over.
    Bytes expect(int peer, std::size_t size) {
        const Bytes piece = bytes(size);
        with(peer).expected.push_back(piece);
        return piece;
    }
    Words expect_words(int peer, std::size_t count) {
        const Words piece = words(count);
        with(peer).expected.emplace_back(reinterpret_cast<u8*>(piece.data()), piece.size_bytes());
        return piece;
    }
    // The round that has been put together; the next one begins empty.
    std::array<Messages, parties> take_round() { return std::exchange(round_, {}); }

    // Memory for as long as the site lives; its contents are arbitrary.
    Words words(std::size_t count) {
        memory_.emplace_back(new u64[count]);
        return {memory_.back().get(), count};
    }
    Bytes bytes(std::size_t count) {
        return {reinterpret_cast<u8*>(words((count + sizeof(u64) - 1) / sizeof(u64)).data()), count};
    }
    // Some bits of each value as planes.
    Words planes(ConstWords values, std::size_t low, std::size_t bits) {
        const Words planes = words(bits * ring::bits::plane_words(values.size()));
        ring::bits::to_planes(values, low, bits, planes, 1);
        return planes;
    }
    static ConstBytes as_bytes(ConstWords words) {
        return {reinterpret_cast<const u8*>(words.data()), words.size_bytes()};
    }

    const int party;
    const Isa isa;

  private:
    Messages& with(int peer) { return round_[static_cast<std::size_t>(peer)]; }

    const Keys keys_;
    std::array<Messages, parties> round_;
    std::vector<std::unique_ptr<u64[]>> memory_;
};

namespace detail {

struct Frame {
    // Runs to the end of the round, or of the protocol: then true.
    bool resume() {
        if (callee) {
            if (!callee->resume()) return false;
            callee = nullptr;
        }
        self.resume();
        return self.done();
    }

    std::coroutine_handle<> self;
    Frame* callee = nullptr;  // runs in its place
    std::exception_ptr error;
};

}  // namespace detail

// Awaited for the end of the round.
using RoundEnd = std::suspend_always;

// co_await runs another protocol to its end, in rounds of its own.
template <class Result>
class [[nodiscard]] Protocol {
  public:
    struct promise_type : detail::Frame {
        Protocol get_return_object() {
            self = std::coroutine_handle<promise_type>::from_promise(*this);
            return Protocol(*this);
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void unhandled_exception() { error = std::current_exception(); }
        void return_value(Result value) { result = std::move(value); }

        std::optional<Result> result;
    };

    Protocol(Protocol&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
    Protocol& operator=(Protocol&&) = delete;
    ~Protocol() {
        if (promise_) promise_->self.destroy();
    }

    bool resume() { return promise_->resume(); }
    // What has become of it, once it has ended.
    Result take() {
        if (promise_->error) std::rethrow_exception(promise_->error);
        return std::move(*promise_->result);
    }

    bool await_ready() { return resume(); }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> caller) {
        caller.promise().callee = promise_;
    }
    Result await_resume() { return take(); }

  private:
    explicit Protocol(promise_type& promise) : promise_(&promise) {}

    promise_type* promise_;
};

// Runs two protocols side by side: round n of the whole is round n of each that still runs.
template <class First, class Second>
Protocol<std::pair<First, Second>> together(Protocol<First> first, Protocol<Second> second) {
    for (bool first_ended = false, second_ended = false;;) {
        first_ended = first_ended || first.resume();
        second_ended = second_ended || second.resume();
        if (first_ended && second_ended) break;
        co_await RoundEnd{};
    }
    First one = first.take();
    Second other = second.take();
    co_return std::pair{std::move(one), std::move(other)};
}

}  // namespace trine::mpc
