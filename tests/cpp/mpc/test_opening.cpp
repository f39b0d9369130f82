// Whole protocols among three parties, against what they are to compute of the numbers behind the shares.
#include "mpc/lockstep.hpp"
#include "mpc/opening.hpp"

namespace trine::mpc::opening {

namespace {

using trine::test::Array, trine::test::random_words;
using i64 = std::int64_t;

constexpr std::size_t counts[] = {0, 1, 64, 200};

// Three parts that add up to the numbers.
std::array<Array, parties> split(const Array& numbers, u64 seed) {
    std::array<Array, parties> parts{random_words(numbers.size(), seed),
                                     random_words(numbers.size(), seed + 1), numbers};
    for (std::size_t i = 0; i < numbers.size(); ++i) parts[2][i] -= parts[0][i] + parts[1][i];
    return parts;
}

Number at(const std::array<Array, parties>& parts, int party, bool additive) {
    const auto i = static_cast<std::size_t>(party);
    return {parts[i], additive ? ConstWords{} : ConstWords(parts[(i + 1) % 3]), additive};
}

// Signed numbers of so many bits, with room above for a truncation.
Array numbers(std::size_t count, std::size_t bits, std::size_t shift) {
    Array values = random_words(count, 7);
    for (u64& value : values) {
        value = static_cast<u64>(static_cast<i64>(value) >> (64 - bits));
        if (static_cast<i64>(value) >= (i64{1} << (bits - 1)) - (i64{1} << shift)) value -= u64{1} << shift;
    }
    return values;
}

// The shares of all three, which must hold each share alike; the numbers behind them modulo 2^width.
class Outputs {
  public:
    explicit Outputs(std::size_t count) {
        for (auto& shares : shares_) shares = {Array(count), Array(count)};
    }
    Result at(int party) {
        auto& [a, b] = shares_[static_cast<std::size_t>(party)];
        return {a, b};
    }
    Array open(std::size_t width) const {
        Array sum(shares_[0][0].size());
        const u64 mask = ~u64{0} >> (64 - width);
        for (std::size_t party = 0; party < parties; ++party)
            for (std::size_t i = 0; i < sum.size(); ++i) {
                EXPECT_EQ((shares_[party][1][i] ^ shares_[(party + 1) % 3][0][i]) & mask, 0u);
                sum[i] = (sum[i] + shares_[party][0][i]) & mask;
            }
        return sum;
    }

  private:
    std::array<std::array<Array, 2>, parties> shares_;
};

struct Formats {
    std::size_t shift, width, out_width;
};
constexpr Formats formats[] = {{18, 36, 40}, {1, 63, 64}, {7, 10, 4}, {3, 8, 64}, {30, 33, 1}, {9, 20, 13}};

// Within a unit of the quotient (or of nothing, if it is negative and `positive`), modulo 2^out_width.
void expect_quotients(const Array& found, const Array& values, const Formats& f, bool positive) {
    const u64 mask = ~u64{0} >> (64 - f.out_width);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const i64 floor = static_cast<i64>(values[i]) >> f.shift;
        const auto wanted = [&](i64 number) {
            return static_cast<u64>(positive && number < 0 ? 0 : number) & mask;
        };
        ASSERT_TRUE(found[i] == wanted(floor) || found[i] == wanted(floor + 1)) << i;
    }
}

// Runs a protocol that divides, on every format and both forms of its input; returns the rounds of each run.
template <class Protocol>
std::vector<std::size_t> check_quotients(Protocol protocol, bool positive) {
    std::vector<std::size_t> rounds;
    for (const std::size_t count : counts)
        for (const Formats& f : formats)
            for (const bool additive : {false, true}) {
                const Array values = numbers(count, f.width, f.shift);
                const auto parts = split(values, 1);
                test::Lockstep trio;
                Outputs out(count);
                rounds.push_back(trio.run([&](Site& site) {
                    return protocol(site, at(parts, site.party, additive), f.shift, f.width, f.out_width,
                                    out.at(site.party));
                }));
                expect_quotients(out.open(f.out_width), values, f, positive);
            }
    return rounds;
}

TEST(Opening, Truncate) {
    const auto protocol = [](auto&&... arguments) { return truncate(arguments...); };
    for (const std::size_t rounds : check_quotients(protocol, false)) EXPECT_EQ(rounds, 2u);
}

TEST(Opening, Rectify) {
    check_quotients([](auto&&... arguments) { return rectify(arguments...); }, true);
}

TEST(Opening, SignProducts) {
    for (const std::size_t count : counts)
        for (const std::size_t width : {1u, 2u, 5u, 6u, 10u, 33u, 64u})
            for (const std::size_t products : {1u, 3u}) {
                Array values = random_words(count, 7);
                for (u64& value : values) value = static_cast<u64>(static_cast<i64>(value) >> (64 - width));
                const Array factors = random_words(products * count, 9);
                const auto parts = split(values, 1), factor_parts = split(factors, 3);
                test::Lockstep trio;
                Outputs out(products * count);
                trio.run([&](Site& site) {
                    const Number others = at(factor_parts, site.party, false);
                    return sign_products(site, at(parts, site.party, false), {others.a, others.b}, width, 64,
                                         out.at(site.party));
                });
                const Array found = out.open(64);
                for (std::size_t i = 0; i < found.size(); ++i)
                    ASSERT_EQ(found[i], static_cast<i64>(values[i % count]) >= 0 ? factors[i] : 0);
            }
}

// What is drawn has the sizes that are asked of what is handed over.
TEST(Opening, WhatIsDrawnFits) {
    for (const std::size_t count : counts)
        for (const Formats& f : formats)
            for (const bool additive : {false, true}) {
                const auto parts = split(Array(count), 1);
                test::Lockstep trio;
                for (const auto& party : trio.all) {
                    Site& site = party->site;
                    const Number x = at(parts, site.party, additive);
                    const auto truncation =
                        randomness::draw_truncation(site, x, f.shift, f.width, f.out_width);
                    const Sign sign = randomness::draw_rectified_sign(site, truncation);
                    EXPECT_NO_THROW(randomness::require_fit(site.party, x, truncation));
                    EXPECT_NO_THROW(randomness::require_fit(site.party, count, 1, sign));
                    Array other(count + 1);
                    const Number wrong{other, additive ? ConstWords{} : ConstWords(other), additive};
                    EXPECT_THROW(randomness::require_fit(site.party, wrong, truncation),
                                 std::invalid_argument);
                    EXPECT_THROW(randomness::require_fit(site.party, count + 64, 1, sign),
                                 std::invalid_argument);
                }
            }
}

}  // namespace

}  // namespace trine::mpc::opening
