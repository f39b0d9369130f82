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

using Generators = Given<"tuple[Generator, Generator]">;
using Arrays = Given<"collections.abc.Sequence[numpy.typing.NDArray[numpy.uint64] | None]">;

// Reads arguments, and keeps hold of what is borrowed from them.
class Reader {
  public:
    Reader(const Int& party, const Generators& common) : program_(std::make_unique<Program>()) {
        party_ = static_cast<int>(integer(party.object, "party", 0, mpc::parties - 1));
        const auto generators = items(common.object, "common", 2);
        program_->site = std::make_unique<Site>(
            party_, std::array{generator(generators[0]), generator(generators[1])}, isa_from_name("auto"));
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
        for (const Out* one : {&first, &second})
            if (one->data.size() != count)
                throw py::value_error(one->name + " must have as many elements as the result");
        program_->arrays.push_back(a.object);
        program_->arrays.push_back(b.object);
        return {first.data, second.data};
    }

    Mask mask(const Arrays& given) {
        const auto parts = items(given.object, "mask", 2);
        return {words(parts[0], "mask"), words(parts[1], "mask")};
    }

    Truncation truncation(const Int& shift, const Int& width, const Int& out_width, const Arrays& given) {
        Truncation random{
            size(shift, "shift"), size(width, "width"), size(out_width, "out_width"), {}, {}, {}, {}};
        const auto parts = items(given.object, "truncation", 7);
        const auto at = [&](std::size_t i) { return words(parts[i], "truncation"); };
        random.mask = {at(0), at(1)};
        random.base = {at(2), at(3)};
        random.bit = at(4);
        if (!parts[5].is_none()) random.wrap = Shares{at(5), at(6)};
        return random;
    }

    Sign sign(std::size_t width, const Int& out_width, const Arrays& given) {
        Sign random{width, size(out_width, "out_width"), {}, {}, {}, {}, {}, {}, {}};
        const auto parts = items(given.object, "sign", 8, 64);
        const auto at = [&](std::size_t i) { return words(parts[i], "sign"); };
        random.planes = at(0);
        random.bit = at(1);
        random.table = at(2);
        random.halves = {at(3), at(4)};
        random.zero = at(5);
        if (!parts[6].is_none()) random.numbers = Shares{at(6), at(7)};
        for (std::size_t i = 8; i < parts.size(); ++i) random.zeros.push_back(at(i));
        return random;
    }

    Site& site() { return *program_->site; }
    std::unique_ptr<Program> ready(Protocol<opening::Ended> protocol) {
        program_->protocol = std::make_unique<Protocol<opening::Ended>>(std::move(protocol));
        return std::move(program_);
    }

    static std::size_t size(const Int& given, const char* name) {
        return static_cast<std::size_t>(integer(given.object, name, 1, 64));
    }

  private:
    prg::Generator* generator(const py::object& given) {
        if (!py::isinstance<prg::Generator>(given)) throw py::type_error("common must hold two generators");
        program_->arrays.push_back(given);
        return given.cast<prg::Generator*>();
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
        return in(WordArray{given}, name).data;
    }
    ConstWords words(const py::object& given, const char* name, std::size_t count) {
        const ConstWords found = words(given, name);
        if (found.size() != count) throw py::value_error(std::string(name) + ": shares are of one size");
        return found;
    }

    std::unique_ptr<Program> program_;
    int party_;
};

}  // namespace

void add_programs(py::module_& module) {
    py::class_<Program>(module, "Program",
                        "One party's side of a protocol, from its first message to its last, for "
                        "Channel.run.\n\nIt holds shares: not to be copied or pickled.");

    module.def(
        "truncate_program",
        [](const Int& party, const Generators& common, const Arrays& x, const Int& shift, const Int& width,
           const Int& out_width, const Arrays& truncation, const WordArray& a, const WordArray& b) {
            Reader reader(party, common);
            const Number number = reader.number(x);
            const Truncation random = reader.truncation(shift, width, out_width, truncation);
            opening::require_fit(reader.party(), number, random);
            return reader.ready(
                opening::truncate(reader.site(), number, random, reader.result(a, b, number.count())));
        },
        arg("party"), arg("common"), arg("x"), arg("shift"), arg("width"), arg("out_width"),
        arg("truncation"), arg("a"), arg("b"),
        "trine.mpc.truncation.truncate; the result's shares go into a and b.\n\n"
        "common are the generators of keys number `party` and `party` + 1; x is one additive part or two "
        "shares;\n"
        "truncation has mask, pad, two bases, bit, and two shares of the wrap (None: to be dealt); None "
        "where "
        "a party\nhas none.");

    module.def(
        "rectify_program",
        [](const Int& party, const Generators& common, const Arrays& x, const Int& shift, const Int& width,
           const Int& out_width, const Arrays& truncation, const Arrays& sign, const WordArray& a,
           const WordArray& b) {
            Reader reader(party, common);
            const Number number = reader.number(x);
            const Truncation random = reader.truncation(shift, width, out_width, truncation);
            opening::require_fit(reader.party(), number, random);
            const Sign signs = reader.sign(random.width - random.shift, out_width, sign);
            opening::require_fit(reader.party(), number.count(), 1, signs);
            if (random.excess() != 0 && signs.numbers.has_value() != random.wrap.has_value())
                throw py::value_error("truncation and sign must both be dealt, or neither");
            return reader.ready(
                opening::rectify(reader.site(), number, random, signs, reader.result(a, b, number.count())));
        },
        arg("party"), arg("common"), arg("x"), arg("shift"), arg("width"), arg("out_width"),
        arg("truncation"), arg("sign"), arg("a"), arg("b"),
        "trine.mpc.compare.rectify; see truncate_program.\n\n"
        "sign has planes, bit, table, two halves, zero, two shares of the bit as numbers (None: to be "
        "dealt), "
        "then a\nshare of zero for each level of the tree and for the opening.");

    module.def(
        "sign_products_program",
        [](const Int& party, const Generators& common, const Arrays& x, const Arrays& values,
           const Int& width, const Int& out_width, const Arrays& mask, const Arrays& sign, const WordArray& a,
           const WordArray& b) {
            Reader reader(party, common);
            const Number number = reader.number(x);
            const std::size_t count = number.count();
            if (number.additive) throw py::value_error("x must be two shares");
            const Shares factors = reader.shares(values, "values");
            const std::size_t products = count == 0 ? 0 : factors.a.size() / count;
            if (products * count != factors.a.size())
                throw py::value_error("values must have as many elements as x, or a multiple of that");
            const Mask hiding = reader.mask(mask);
            const Sign signs = reader.sign(Reader::size(width, "width"), out_width, sign);
            opening::require_fit(reader.party(), count, products, signs);
            if (hiding.r.size() != (reader.party() == 1 ? 0 : count) ||
                hiding.pad.size() != (reader.party() == 0 ? count : 0))
                throw py::value_error("mask does not fit x");
            return reader.ready(opening::sign_products(reader.site(), number, factors, hiding, signs,
                                                       reader.result(a, b, factors.a.size())));
        },
        arg("party"), arg("common"), arg("x"), arg("values"), arg("width"), arg("out_width"), arg("mask"),
        arg("sign"), arg("a"), arg("b"),
        "trine.mpc.compare.sign_products; see rectify_program. mask has the mask and the pad.");
}

}  // namespace trine::bind
