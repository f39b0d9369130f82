// Coroutines that run side by side and inside one another, and what becomes of their errors.
#include <gtest/gtest.h>

#include <stdexcept>

#include "mpc/protocol.hpp"

namespace trine::mpc {

namespace {

struct Alone {
    prg::Generator generator{prg::Key(key)};
    Site site{0, {generator, generator, generator}, isa_from_name("auto")};

    static constexpr std::array<u8, prg::key_bytes> key{};
};

// Sends its letter in each of so many rounds.
Protocol<int> letters(Site& site, const char* letter, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        site.send(1, ConstBytes(reinterpret_cast<const u8*>(letter), 1));
        co_await RoundEnd{};
    }
    co_return rounds;
}

Protocol<int> one_after_the_other(Site& site) {
    const int first = co_await letters(site, "a", 2);
    const int none = co_await letters(site, "-", 0);
    const int second = co_await letters(site, "b", 1);
    co_return 100 * first + 10 * none + second;
}

Protocol<int> fails(Site& site, int rounds) {
    co_await letters(site, "f", rounds);
    throw std::runtime_error("as it must");
}

Protocol<int> passes_on(Site& site, int rounds) { co_return 1 + co_await fails(site, rounds); }

// What is sent to party 1, a round a word.
template <class Result>
std::string spoken(Site& site, Protocol<Result>& protocol) {
    std::string text;
    while (!protocol.resume()) {
        const auto round = site.take_round();
        for (const ConstBytes piece : round[1].sent) text += static_cast<char>(piece[0]);
        text += ' ';
    }
    return text;
}

TEST(Protocol, RunsAnotherInItsPlace) {
    Alone alone;
    auto protocol = one_after_the_other(alone.site);
    EXPECT_EQ(spoken(alone.site, protocol), "a a b ");
    EXPECT_EQ(protocol.take(), 201);
}

TEST(Protocol, SharesRounds) {
    Alone alone;
    auto protocol = together(together(letters(alone.site, "x", 1), one_after_the_other(alone.site)),
                             letters(alone.site, "y", 4));
    EXPECT_EQ(spoken(alone.site, protocol), "xay ay by y ");
    const auto [both, last] = protocol.take();
    EXPECT_EQ(both.first, 1);
    EXPECT_EQ(both.second, 201);
    EXPECT_EQ(last, 4);
}

TEST(Protocol, MayHaveNoRounds) {
    Alone alone;
    auto protocol = together(letters(alone.site, "x", 0), letters(alone.site, "y", 0));
    EXPECT_TRUE(protocol.resume());
    EXPECT_EQ(protocol.take(), std::pair(0, 0));
}

TEST(Protocol, PassesErrorsOn) {
    for (const int rounds : {0, 2}) {
        Alone alone;
        auto protocol = together(letters(alone.site, "x", 3), passes_on(alone.site, rounds));
        spoken(alone.site, protocol);
        EXPECT_THROW(protocol.take(), std::runtime_error);
    }
}

TEST(Protocol, MayBeGivenUpAnywhere) {
    Alone alone;
    auto protocol = together(one_after_the_other(alone.site), letters(alone.site, "y", 4));
    EXPECT_FALSE(protocol.resume());
    EXPECT_FALSE(protocol.resume());
}

}  // namespace

}  // namespace trine::mpc
