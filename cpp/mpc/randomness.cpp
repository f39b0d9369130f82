// The draws in the order in which every holder of a key makes them, and the sizes that they must have.
#include "mpc/randomness.hpp"

#include <stdexcept>
#include <string>

#include "mpc/compare.hpp"
#include "ring/bits.hpp"

namespace trine::mpc::randomness {

namespace {

using ring::bits::plane_words;

Words drawn(Site& site, prg::Generator& generator, std::size_t count, std::size_t width = 64) {
    const Words words = site.words(count);
    generator.draw(width, words);
    return words;
}

// trine.mpc.party.Party.zero and zero_bits
Words zero(Site& site, std::size_t count, std::size_t width) {
    const Words part = drawn(site, site.common(site.party), count, width);
    site.common(site.next()).subtract(width, part);
    return part;
}

Words zero_bits(Site& site, std::size_t count) {
    const Words part = drawn(site, site.common(site.party), count);
    site.common(site.next()).exclusive_or(part);
    return part;
}

// trine.mpc.masked.draw_mask
Mask draw_mask(Site& site, std::size_t count, std::size_t bits, bool additive) {
    if (site.party == 1) return {};
    const Words r = drawn(site, site.common(0), count, bits);
    if (!additive) return {r, site.party == 0 ? r : Words{}};
    const Words split = drawn(site, site.common(0), count, bits);
    if (site.party == 0)
        for (std::size_t i = 0; i < count; ++i) split[i] = r[i] - split[i];
    return {r, split};
}

// trine.mpc.compare._draw_sign, of the bits of the mask from `low` up
Sign draw_sign(Site& site, std::size_t count, const Mask& mask, std::size_t low, std::size_t width,
               std::size_t out_width, ConstWords zero) {
    Sign random{width, out_width, {}, {}, {}, {}, {}, zero, {}};
    const std::size_t words = plane_words(count), compared = width - 1;
    std::size_t groups = compare::groups(compared);
    if (site.party != 1) random.planes = site.planes(mask.r, low, width);
    random.bit = drawn(site, site.party == 1 ? site.own() : site.common(0), words);
    if (groups > 0 && site.party != 0)
        random.table = drawn(site, site.common(2), compare::table_rows(compared) * words);
    if (groups > 1) {
        const std::size_t size = compare::pair_rows(groups) * words;
        random.halves[0] = drawn(site, site.common(site.party == 2 ? 2 : 1), size);
        if (site.party == 1) random.halves[1] = drawn(site, site.common(2), size);
    }
    for (; groups > 2; groups -= groups / 2)
        random.zeros.push_back(zero_bits(site, compare::merged_rows(groups) * words));
    random.zeros.push_back(zero_bits(site, words));
    return random;
}

void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(std::string(what) + " does not fit the other arguments");
}

void require_size(ConstWords words, std::size_t size, const char* what) {
    require(words.size() == size, what);
}

void require_shares(const std::optional<Shares>& shares, std::size_t size, const char* what) {
    require(!shares || (shares->a.size() == size && shares->b.size() == size), what);
}

}  // namespace

void require_fit(int party, const Number& x, const Truncation& random) {
    const std::size_t count = x.count(), held = party == 1 ? 0 : count;
    require(random.shift >= 1 && random.shift < random.width && random.width <= 63, "shift");
    require(random.out_width >= 1 && random.out_width <= 64, "out_width");
    require_size(random.mask.r, held, "the mask");
    require_size(random.mask.pad, party == 2 && !x.additive ? 0 : held, "the pad");
    require_size(random.base[0], count, "the base");
    require_size(random.base[1], party == 2 ? count : 0, "the second base");
    require_size(random.bit, random.excess() != 0 ? plane_words(count) : 0, "the bit");
    require_shares(random.wrap, count, "the wrap");
}

void require_fit(int party, std::size_t count, std::size_t values, const Sign& random) {
    require(random.width >= 1 && random.width <= 64, "width");
    require(random.out_width >= 1 && random.out_width <= 64, "out_width");
    const std::size_t words = plane_words(count), width = random.width - 1;
    std::size_t groups = compare::groups(width);
    require_size(random.planes, party == 1 ? 0 : random.width * words, "the planes");
    require_size(random.bit, words, "the bit");
    require_size(random.table, party == 0 ? 0 : compare::table_rows(width) * words, "the table");
    const std::size_t half = groups > 1 ? compare::pair_rows(groups) * words : 0;
    require_size(random.halves[0], half, "the halves");
    require_size(random.halves[1], party == 1 ? half : 0, "the second halves");
    std::size_t level = 0;
    for (; groups > 2; groups -= groups / 2, ++level) {
        require(level < random.zeros.size(), "the zeros");
        require_size(random.zeros[level], compare::merged_rows(groups) * words, "the zeros");
    }
    require(level + 1 == random.zeros.size(), "the zeros");
    require_size(random.zeros.back(), words, "the zeros");
    require_size(random.zero, values * count, "the zero");
    require_shares(random.numbers, count, "the numbers");
}

void require_fit(int party, std::size_t count, const Mask& mask) {
    require_size(mask.r, party == 1 ? 0 : count, "the mask");
    require_size(mask.pad, party == 0 ? count : 0, "the pad");
}

Truncation draw_truncation(Site& site, const Number& x, std::size_t shift, std::size_t width,
                           std::size_t out_width) {
    const std::size_t count = x.count();
    Truncation random{shift, width, out_width, {}, {}, {}, {}};
    random.mask = draw_mask(site, count, width + 1, x.additive);
    std::size_t bases = 0;
    if (site.party != 0) random.base[bases++] = drawn(site, site.common(2), count, out_width);
    if (site.party != 1) {
        const Words base = site.words(count);
        const u64 offset = u64{1} << (width - 1 - shift);
        for (std::size_t i = 0; i < count; ++i) base[i] = 0 - (random.mask.r[i] >> shift) - offset;
        random.base[bases] = base;
    }
    if (random.excess() != 0)
        random.bit = site.party == 1 ? drawn(site, site.own(), plane_words(count))
                                     : site.planes(random.mask.r, width, 1);
    return random;
}

Sign draw_rectified_sign(Site& site, const Truncation& truncation) {
    const std::size_t count = truncation.base[0].size();
    const Words hidden = zero(site, count, truncation.out_width);
    return draw_sign(site, count, truncation.mask, truncation.shift, truncation.width - truncation.shift,
                     truncation.out_width, hidden);
}

Masked draw_sign_products(Site& site, std::size_t count, std::size_t values, std::size_t width,
                          std::size_t out_width) {
    const Mask mask = draw_mask(site, count, width, false);
    const Words hidden = zero(site, values * count, out_width);
    return {mask, draw_sign(site, count, mask, 0, width, out_width, hidden)};
}

}  // namespace trine::mpc::randomness
