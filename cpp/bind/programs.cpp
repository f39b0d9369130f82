// Binds whole protocols: their arguments are checked here, a session's channel runs them.
#include "bind/program.hpp"
#include "bind/rooms.hpp"
#include "mpc/opening.hpp"

namespace trine::bind {

namespace {

using namespace mpc;
using opening::Mask;
using opening::Number;
using opening::Result;
using opening::Shares;
using opening::Sign;
using opening::Truncation;
using py::arg;

using Generators = Given<"tuple[Generator, Generator, Generator]">;
using Arrays = Given<"collections.abc.Sequence[numpy.typing.NDArray[numpy.uint64]]">;
using Randomness = Given<"collections.abc.Sequence[numpy.typing.NDArray[numpy.uint64] | None] | None">;

struct Formats {
    Formats(const Int& cut, const Int& bits, const Int& out_bits)
        : shift(bits_of(cut, "shift")),
          width(bits_of(bits, "width")),
          out_width(bits_of(out_bits, "out_width")) {
        if (shift >= width || width > 63) throw py::value_error("shift < width <= 63 must hold");
    }
    static std::size_t bits_of(const Int& given, const char* name) {
        return static_cast<std::size_t>(integer(given.object, name, 1, 64));
    }
    std::size_t shift, width, out_width;
};

// Reads arguments, and keeps hold of what is borrowed from them.
class Reader {
  public:
    Reader(const Int& party, const Generators& keys) : program_(std::make_unique<Program>()) {
        party_ = static_cast<int>(integer(party.object, "party", 0, mpc::parties - 1));
        const auto generators = items(keys.object, "keys", 3);
        program_->site = std::make_unique<Site>(
            party_, Site::Keys{generator(generators[0]), generator(generators[1]), generator(generators[2])},
            isa_from_name("auto"));
    }

    int party() const { return party_; }

    Number number(const Arrays& given) {
        const auto shares = items(given.object, "x", 1, 2);
        const ConstWords a = words(shares[0], "x");
        const bool additive = shares.size() == 1;
        return {a, additive ? ConstWords{} : words(shares[1], "x", a.size()), additive};
    }

    Shares shares(const Arrays& given, const char* name) {
        const auto both = items(given.object, name, 2);
        const ConstWords a = words(both[0], name);
        return {a, words(both[1], name, a.size())};
    }

    Result result(const WordArray& a, const WordArray& b, std::size_t count) {
        const Out first = out(a, "a"), second = out(b, "b");
        for (const Out* one : {&first, &second}) {
            if (one->data.size() != count)
                throw py::value_error(one->name + " must have as many elements as the result");
            for (const In& input : numbers_) require_apart(*one, input);
        }
        require_apart(first, In{second.name, second.shape, second.data});
        program_->arrays.push_back(a.object);
        program_->arrays.push_back(b.object);
        return {first.data, second.data};
    }

    Truncation truncation(const Number& x, const Formats& formats, const Randomness& given) {
        const auto parts = items(given.object, "truncation", 7);
        const auto at = [&](std::size_t i) { return words(parts[i], "truncation"); };
        Truncation random{
            formats.shift, formats.width, formats.out_width, {at(0), at(1)}, {at(2), at(3)}, at(4), {}};
        if (!parts[5].is_none()) random.wrap = Shares{at(5), at(6)};
        randomness::require_fit(party_, x, random);
        return random;
    }

    randomness::Masked sign(std::size_t count, std::size_t values, std::size_t width, std::size_t out_width,
                            const Randomness& given) {
        const auto parts = items(given.object, "sign", 10, 64);
        const auto at = [&](std::size_t i) { return words(parts[i], "sign"); };
        Sign random{width, out_width, at(2), at(3), at(4), {at(5), at(6)}, {}, at(7), {}};
        if (!parts[8].is_none()) random.numbers = Shares{at(8), at(9)};
        for (std::size_t i = 10; i < parts.size(); ++i) random.zeros.push_back(at(i));
        randomness::require_fit(party_, count, values, random);
        return {{at(0), at(1)}, std::move(random)};
    }

    Site& site() { return *program_->site; }
    std::unique_ptr<Program> ready(Protocol<opening::Ended> protocol) {
        program_->protocol = std::make_unique<Protocol<opening::Ended>>(std::move(protocol));
        return std::move(program_);
    }

  private:
    prg::Generator& generator(const py::object& given) {
        if (!py::isinstance<prg::Generator>(given)) throw py::type_error("keys must be three generators");
        program_->arrays.push_back(given);
        return given.cast<prg::Generator&>();
    }

    static std::vector<py::object> items(const py::object& given, const char* name, std::size_t least,
                                         std::size_t most = 0) {
        if (!PySequence_Check(given.ptr())) throw py::type_error(std::string(name) + " must be a sequence");
        std::vector<py::object> list;
        for (const py::handle item : py::reinterpret_borrow<py::sequence>(given))
            list.push_back(py::reinterpret_borrow<py::object>(item));
        if (list.size() < least || list.size() > std::max(least, most))
            throw py::value_error(std::string(name) + " has " + std::to_string(list.size()) + " items");
        return list;
    }

    // Empty for None.
    ConstWords words(const py::object& given, const char* name) {
        if (given.is_none()) return {};
        program_->arrays.push_back(given);
        numbers_.push_back(in(WordArray{given}, name));
        return numbers_.back().data;
    }
    ConstWords words(const py::object& given, const char* name, std::size_t count) {
        const ConstWords found = words(given, name);
        if (found.size() != count) throw py::value_error(std::string(name) + ": shares are of one size");
        return found;
    }

    std::unique_ptr<Program> program_;
    std::vector<In> numbers_;  // the arrays that were read
    int party_;
};

}  // namespace

void add_programs(py::module_& module) {
    py::class_<Program>(module, "Program",
                        "One party's side of a protocol, from its first message to its last, for "
                        "Channel.run.\n\nIt holds shares: not to be copied or pickled.");

    module.def(
        "truncate_program",
        [](const Int& party, const Generators& keys, const Arrays& x, const Int& shift, const Int& width,
           const Int& out_width, const Randomness& truncation, const WordArray& a, const WordArray& b) {
            Reader reader(party, keys);
            const Number number = reader.number(x);
            const Result result = reader.result(a, b, number.count());
            const Formats formats(shift, width, out_width);
            if (truncation.object.is_none())
                return reader.ready(opening::truncate(reader.site(), number, formats.shift, formats.width,
                                                      formats.out_width, result));
            return reader.ready(opening::truncate(reader.site(), number,
                                                  reader.truncation(number, formats, truncation), result));
        },
        arg("party"), arg("keys"), arg("x"), arg("shift"), arg("width"), arg("out_width"), arg("truncation"),
        arg("a"), arg("b"),
        "trine.mpc.truncation.truncate; the result's shares go into a and b.\n\n"
        "keys are the generators of keys number `party` and `party` + 1 and of the party's own; x is one "
        "additive\npart or two shares; truncation has mask, pad, two bases, bit, and two shares of the wrap, "
        "with None for\nwhat the party does not have. It is drawn here if not given, and what it lacks is "
        "dealt "
        "on the way.");

    module.def(
        "rectify_program",
        [](const Int& party, const Generators& keys, const Arrays& x, const Int& shift, const Int& width,
           const Int& out_width, const Randomness& truncation, const Randomness& sign, const WordArray& a,
           const WordArray& b) {
            Reader reader(party, keys);
            const Number number = reader.number(x);
            const Result result = reader.result(a, b, number.count());
            const Formats formats(shift, width, out_width);
            if (truncation.object.is_none() != sign.object.is_none())
                throw py::value_error("truncation and sign must both be given, or neither");
            if (truncation.object.is_none())
                return reader.ready(opening::rectify(reader.site(), number, formats.shift, formats.width,
                                                     formats.out_width, result));
            const Truncation random = reader.truncation(number, formats, truncation);
            const auto signs =
                reader.sign(number.count(), 1, formats.width - formats.shift, formats.out_width, sign);
            if (random.excess() != 0 && signs.sign.numbers.has_value() != random.wrap.has_value())
                throw py::value_error("truncation and sign must both be dealt, or neither");
            return reader.ready(opening::rectify(reader.site(), number, random, signs.sign, result));
        },
        arg("party"), arg("keys"), arg("x"), arg("shift"), arg("width"), arg("out_width"), arg("truncation"),
        arg("sign"), arg("a"), arg("b"),
        "trine.mpc.compare.rectify; see truncate_program.\n\n"
        "sign has mask, pad, planes, bit, table, two halves, zero, two shares of the bit as numbers, then a "
        "share of\nzero for each level of the tree and for the opening.");

    module.def(
        "sign_products_program",
        [](const Int& party, const Generators& keys, const Arrays& x, const Arrays& values,
           const Int& given_width, const Int& given_out_width, const Randomness& sign, const WordArray& a,
           const WordArray& b) {
            Reader reader(party, keys);
            const Number number = reader.number(x);
            const std::size_t count = number.count();
            if (number.additive) throw py::value_error("x must be two shares");
            const Shares factors = reader.shares(values, "values");
            const std::size_t products = count == 0 ? 0 : factors.a.size() / count;
            if (products * count != factors.a.size())
                throw py::value_error("values must have as many elements as x, or a multiple of that");
            const Result result = reader.result(a, b, factors.a.size());
            const std::size_t width = Formats::bits_of(given_width, "width");
            const std::size_t out_width = Formats::bits_of(given_out_width, "out_width");
            if (sign.object.is_none())
                return reader.ready(
                    opening::sign_products(reader.site(), number, factors, width, out_width, result));
            const auto [mask, signs] = reader.sign(count, products, width, out_width, sign);
            randomness::require_fit(reader.party(), count, mask);
            return reader.ready(opening::sign_products(reader.site(), number, factors, mask, signs, result));
        },
        arg("party"), arg("keys"), arg("x"), arg("values"), arg("width"), arg("out_width"), arg("sign"),
        arg("a"), arg("b"), "trine.mpc.compare.sign_products; see rectify_program.");
}

}  // namespace trine::bind
