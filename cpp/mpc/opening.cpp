// The protocols as their Python counterparts write them, on the kernels of compare and rounds.
#include "mpc/opening.hpp"

#include <algorithm>

#include "mpc/compare.hpp"
#include "mpc/rounds.hpp"
#include "ring/bits.hpp"

namespace trine::mpc::opening {

namespace {

using ring::bits::packed_bytes;
using ring::bits::plane_words;

void exclusive_or(Words into, ConstWords from) {
    for (std::size_t i = 0; i < from.size(); ++i) into[i] ^= from[i];
}

Words copied(Site& site, ConstWords words) {
    const Words copy = site.words(words.size());
    std::ranges::copy(words, copy.begin());
    return copy;
}

Words unpacked(Site& site, ConstBytes message, std::size_t count, std::size_t width) {
    const Words values = site.words(count);
    ring::bits::unpack(message, width, values, 1);
    return values;
}

// -- what is dealt --

// trine.mpc.known.known_product
Protocol<Shares> known_product(Site& site, ConstWords plane, std::size_t count, std::size_t width,
                               bool signs) {
    const std::size_t size = packed_bytes(count, width);
    const Words half = site.words(count), pad = site.words(count);
    if (site.party == 1) {
        const Bytes message = site.bytes(size);
        ring::bits::from_planes(plane, 1, half, 1);
        site.common(2).subtract(width, half);
        ring::bits::pack(half, width, message, 1);
        site.common(1).draw(width, half);
        site.common(2).draw(width, pad);
        site.send(0, message);
        co_await RoundEnd{};
        co_await RoundEnd{};
        co_return Shares{half, pad};
    }
    if (site.party == 2) {
        site.common(2).draw(width, half);
        site.common(2).draw(width, pad);
        co_await RoundEnd{};
    } else {
        site.common(1).draw(width, pad);
        const Bytes rest = site.expect(1, size);
        co_await RoundEnd{};
        ring::bits::unpack(rest, width, half, 1);
    }
    const int peer = 2 - site.party;
    const Bytes message = site.bytes(size), received = site.expect(peer, size);
    rounds::times_known(half, plane, pad, signs, width, half, message, site.isa);
    site.send(peer, message);
    co_await RoundEnd{};
    ring::bits::add_unpacked(received, width, half);
    co_return site.party == 0 ? Shares{half, pad} : Shares{pad, half};
}

Protocol<Ended> deal_wrap(Site& site, Truncation& random, std::size_t count) {
    if (random.excess() != 0)
        random.wrap = co_await known_product(site, random.bit, count, random.excess(), false);
    co_return Ended{};
}

// trine.mpc.compare.SharedBit.deal
Protocol<Ended> deal_bit(Site& site, Sign& random, std::size_t count) {
    Shares numbers = co_await known_product(site, random.bit, count, random.out_width, true);
    if (site.party != 1) {
        ConstWords& known = site.party == 0 ? numbers.a : numbers.b;
        const Words sum = site.words(count);
        ring::bits::from_planes(random.bit, 1, sum, 1);
        for (std::size_t i = 0; i < count; ++i) sum[i] += known[i];
        known = sum;
    }
    random.numbers = numbers;
    co_return Ended{};
}

// -- the opening, and the quotient --

// trine.mpc.masked.open_masked
Protocol<ConstWords> open_masked(Site& site, const Number& x, const Mask& mask, std::size_t bits,
                                 u64 offset) {
    const std::size_t size = packed_bytes(x.count(), bits);
    if (site.party == 1) {
        const Bytes first = site.expect(0, size), second = x.additive ? site.expect(2, size) : Bytes{};
        co_await RoundEnd{};
        const Words known = site.words(x.count());
        for (std::size_t i = 0; i < known.size(); ++i) known[i] = x.a[i] + (x.additive ? 0 : x.b[i]) + offset;
        ring::bits::add_unpacked(first, bits, known);
        if (x.additive) ring::bits::add_unpacked(second, bits, known);
        co_return known;
    }
    if (site.party == 0 || x.additive) {
        const Bytes message = site.bytes(size);
        ring::bits::pack_sum(x.a, mask.pad, bits, message);
        site.send(1, message);
    }
    co_await RoundEnd{};
    co_return mask.r;
}

// trine.mpc.truncation.quotient
Protocol<Shares> quotient(Site& site, ConstWords known, ConstWords top, const Truncation& random) {
    const std::size_t count = known.size(), planes = plane_words(count), bits = random.width + 1;
    const std::size_t size = packed_bytes(count, random.out_width);
    const bool wraps = random.excess() != 0;
    Words flip;
    Shares bases{random.base[0], random.base[1]};
    if (site.party == 1) {
        const Words rest = site.words(count);
        const Bytes message = site.bytes(size);
        rounds::share_upper(known, bits, random.shift, random.base[0], random.out_width, rest, message,
                            site.isa);
        site.send(0, message);
        if (wraps) {
            flip = site.words(planes);
            for (std::size_t i = 0; i < planes; ++i) flip[i] = ~(top[i] ^ random.bit[i]);
            site.send(0, flip);
            site.send(2, flip);
        }
        co_await RoundEnd{};
        bases = {rest, random.base[0]};
    } else {
        const Bytes message = site.party == 0 ? site.expect(1, size) : Bytes{};
        if (wraps) flip = site.expect_words(1, planes);
        co_await RoundEnd{};
        if (site.party == 0) bases.b = unpacked(site, message, count, random.out_width);
    }
    if (!wraps) co_return bases;
    const Words a = site.words(count), b = site.words(count);
    const ConstWords none;
    rounds::quotient(bases.a, random.wrap->a, flip, site.party == 0 ? top : none, bits - random.shift, a,
                     site.isa);
    rounds::quotient(bases.b, random.wrap->b, flip, site.party == 2 ? top : none, bits - random.shift, b,
                     site.isa);
    co_return Shares{a, b};
}

// -- comparison: trine.mpc.bits --

// The odd group at the high end, which had no partner, goes behind the merged ones.
ConstWords with_odd(Site& site, ConstWords merged, ConstWords both, std::size_t groups, std::size_t words) {
    const std::size_t equal = (groups / 2 - 1) * words;
    const Words out = site.words(merged.size() + 2 * words);
    auto end = std::ranges::copy(merged.first(equal), out.begin()).out;
    end = std::ranges::copy(both.subspan((groups - 2) * words, words), end).out;
    end = std::ranges::copy(merged.subspan(equal), end).out;
    std::ranges::copy(both.last(words), end);
    return out;
}

Protocol<ConstWords> merge_groups(Site& site, Shares both, std::size_t groups, std::size_t words,
                                  const Sign& random) {
    for (std::size_t level = 0;; ++level) {
        const std::size_t equal = (groups - 1) * words;
        const Words part = site.words(compare::merged_rows(groups) * words);
        compare::merge(both.a.subspan(equal), both.b.subspan(equal), both.a.first(equal), both.b.first(equal),
                       groups, words, part, 1);
        if (groups == 2) co_return part;
        exclusive_or(part, random.zeros[level]);
        site.send(site.previous(), part);
        const ConstWords received = site.expect_words(site.next(), part.size());
        co_await RoundEnd{};
        if (groups % 2 == 0) {
            both = {part, received};
        } else {
            both = {with_odd(site, part, both.a, groups, words),
                    with_odd(site, received, both.b, groups, words)};
        }
        groups -= groups / 2;
    }
}

Protocol<Shares> share_halves(Site& site, Words part, const Sign& random) {
    const ConstWords pad = random.halves[0];
    if (site.party == 1) {
        co_await RoundEnd{};
        co_return Shares{pad, random.halves[1]};
    }
    const int peer = 2 - site.party;
    exclusive_or(part, pad);
    site.send(peer, part);
    const Words total = site.expect_words(peer, part.size());
    co_await RoundEnd{};
    exclusive_or(total, part);
    co_return site.party == 0 ? Shares{total, pad} : Shares{pad, total};
}

// This party's part of [c' < r'], not masked; empty where it is zero.
Protocol<ConstWords> less(Site& site, ConstWords planes, std::size_t width, std::size_t words,
                          const Sign& random) {
    const std::size_t groups = compare::groups(width), size = compare::table_rows(width) * words;
    Words both;
    if (site.party == 1) {
        const Words table = site.words(size);
        compare::monomials(planes, width, words, table, 1);
        exclusive_or(table, random.table);
        site.send(0, table);
        co_await RoundEnd{};
    } else {
        ConstWords table = random.table;
        if (site.party == 0) table = site.expect_words(1, size);
        co_await RoundEnd{};
        const Words all = site.words(2 * groups * words);
        compare::leaf(planes, table, width, words, site.party == 0, all.subspan(groups * words),
                      all.first(groups * words), 1);
        both = all.subspan(words);
    }
    if (groups == 1) co_return both;
    const Shares shares = co_await share_halves(site, both, random);
    co_return co_await merge_groups(site, shares, groups, words, random);
}

Protocol<ConstWords> open_sign(Site& site, ConstWords planes, std::size_t count, const Sign& random) {
    const std::size_t width = random.width - 1, words = plane_words(count);
    const Words part = copied(site, random.zeros.back());
    if (site.party < 2) {
        exclusive_or(part, planes.subspan(width * words, words));
        exclusive_or(part, random.bit);
    }
    if (width != 0) {
        const ConstWords borrow = co_await less(site, planes.first(width * words), width, words, random);
        exclusive_or(part, borrow);
    }
    const Words opened = site.expect_words(site.next(), words);
    const ConstWords other = site.expect_words(site.previous(), words);
    site.send(site.next(), part);
    site.send(site.previous(), part);
    co_await RoundEnd{};
    exclusive_or(opened, part);
    exclusive_or(opened, other);
    co_return opened;
}

// -- products with the sign --

// trine.mpc.arithmetic.multiply, of the hidden bit with numbers for each element
Protocol<Shares> multiply(Site& site, const Shares& values, const Sign& random) {
    const std::size_t count = values.a.size();
    Shares bits = *random.numbers;
    if (bits.a.size() != count) {
        const Words a = site.words(count), b = site.words(count);
        for (std::size_t i = 0; i < count; i += bits.a.size()) {
            std::ranges::copy(bits.a, a.subspan(i).begin());
            std::ranges::copy(bits.b, b.subspan(i).begin());
        }
        bits = {a, b};
    }
    const Words part = site.words(count);
    const Bytes message = site.bytes(packed_bytes(count, random.out_width));
    rounds::multiply(bits.a, bits.b, values.a, values.b, random.zero, random.out_width, part, message,
                     site.isa);
    site.send(site.previous(), message);
    const Bytes received = site.expect(site.next(), message.size());
    co_await RoundEnd{};
    co_return Shares{part, unpacked(site, received, count, random.out_width)};
}

// trine.mpc.compare._unflip; `count` elements share the signs of one plane.
void unflip(Site& site, ConstWords flips, const Shares& values, const Shares& products, std::size_t count,
            const Result& out) {
    for (std::size_t i = 0; i < values.a.size(); i += count) {
        rounds::unflip(flips, values.a.subspan(i, count), products.a.subspan(i, count),
                       out.a.subspan(i, count), site.isa);
        rounds::unflip(flips, values.b.subspan(i, count), products.b.subspan(i, count),
                       out.b.subspan(i, count), site.isa);
    }
}

Protocol<Ended> truncate_online(Site& site, const Number& x, const Truncation& random, Result out) {
    const u64 offset = u64{1} << (random.width - 1);
    const ConstWords known = co_await open_masked(site, x, random.mask, random.width + 1, offset);
    ConstWords top = random.bit;
    if (site.party == 1 && random.excess() != 0) top = site.planes(known, random.width, 1);
    const Shares y = co_await quotient(site, known, top, random);
    std::ranges::copy(y.a, out.a.begin());
    std::ranges::copy(y.b, out.b.begin());
    co_return Ended{};
}

struct Both {
    Shares value, product;
};

Protocol<Both> quotient_and_product(Site& site, ConstWords known, ConstWords top, const Truncation& random,
                                    const Sign& sign) {
    const Shares value = co_await quotient(site, known, top, random);
    const Shares product = co_await multiply(site, value, sign);
    co_return Both{value, product};
}

Protocol<Ended> rectify_online(Site& site, const Number& x, const Truncation& random, const Sign& sign,
                               Result out) {
    const u64 offset = u64{1} << (random.width - 1);
    const ConstWords known = co_await open_masked(site, x, random.mask, random.width + 1, offset);
    ConstWords planes = sign.planes, top = random.bit;
    if (site.party == 1) {
        planes = site.planes(known, random.shift, sign.width + 1);
        top = planes.last(plane_words(x.count()));
    }
    const auto [flips, y] = co_await together(open_sign(site, planes, x.count(), sign),
                                              quotient_and_product(site, known, top, random, sign));
    unflip(site, flips, y.value, y.product, x.count(), out);
    co_return Ended{};
}

Protocol<Shares> product_when_dealt(Site& site, const Shares& values, const Sign& sign) {
    while (!sign.numbers) co_await RoundEnd{};
    co_return co_await multiply(site, values, sign);
}

Protocol<Ended> sign_products_online(Site& site, const Number& x, const Shares& values, const Mask& mask,
                                     const Sign& sign, Result out) {
    const u64 offset = u64{1} << (sign.width - 1);
    const ConstWords known = co_await open_masked(site, x, mask, sign.width, offset);
    const ConstWords planes = site.party == 1 ? site.planes(known, 0, sign.width) : sign.planes;
    const auto [flips, product] =
        co_await together(open_sign(site, planes, x.count(), sign), product_when_dealt(site, values, sign));
    unflip(site, flips, values, product, x.count(), out);
    co_return Ended{};
}

}  // namespace

Protocol<Ended> truncate(Site& site, Number x, Truncation random, Result out) {
    if (random.excess() == 0 || random.wrap) {
        co_await truncate_online(site, x, random, out);
    } else {
        co_await together(deal_wrap(site, random, x.count()), truncate_online(site, x, random, out));
    }
    co_return Ended{};
}

Protocol<Ended> rectify(Site& site, Number x, Truncation truncation, Sign sign, Result out) {
    if (sign.numbers) {
        co_await rectify_online(site, x, truncation, sign, out);
    } else {
        const std::size_t count = x.count();
        co_await together(together(deal_wrap(site, truncation, count), deal_bit(site, sign, count)),
                          rectify_online(site, x, truncation, sign, out));
    }
    co_return Ended{};
}

Protocol<Ended> sign_products(Site& site, Number x, Shares values, Mask mask, Sign sign, Result out) {
    if (sign.numbers) {
        co_await sign_products_online(site, x, values, mask, sign, out);
    } else {
        co_await together(deal_bit(site, sign, x.count()),
                          sign_products_online(site, x, values, mask, sign, out));
    }
    co_return Ended{};
}

Protocol<Ended> truncate(Site& site, Number x, std::size_t shift, std::size_t width, std::size_t out_width,
                         Result out) {
    Truncation random = randomness::draw_truncation(site, x, shift, width, out_width);
    co_return co_await truncate(site, x, std::move(random), out);
}

Protocol<Ended> rectify(Site& site, Number x, std::size_t shift, std::size_t width, std::size_t out_width,
                        Result out) {
    Truncation random = randomness::draw_truncation(site, x, shift, width, out_width);
    Sign sign = randomness::draw_rectified_sign(site, random);
    co_return co_await rectify(site, x, std::move(random), std::move(sign), out);
}

Protocol<Ended> sign_products(Site& site, Number x, Shares values, std::size_t width, std::size_t out_width,
                              Result out) {
    const std::size_t count = x.count(), products = count == 0 ? 0 : values.a.size() / count;
    randomness::Masked random = randomness::draw_sign_products(site, count, products, width, out_width);
    co_return co_await sign_products(site, x, values, random.mask, std::move(random.sign), out);
}

}  // namespace trine::mpc::opening
