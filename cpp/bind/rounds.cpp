// Binds what a party computes between two messages of a truncation or comparison.
#include "mpc/rounds.hpp"

#include "bind/arguments.hpp"
#include "bind/rooms.hpp"
#include "ring/bits.hpp"

namespace trine::bind {

namespace {

using namespace mpc;
using py::arg;
using ring::bits::packed_bytes;
using ring::bits::plane_words;

// A message of `width` bits for each of the elements of `elements`, apart from all inputs.
View<u8> message_for(const ByteArray& given, const Out& elements, std::size_t width,
                     std::initializer_list<const In*> inputs) {
    const auto message = out(given, "message");
    require_shape("message", message.shape, {packed_bytes(elements.data.size(), width)},
                  "ceil(n * width / 8)");
    for (const In* input : inputs) require_apart(message, *input);
    require_apart(message, In{elements.name, elements.shape, elements.data});
    return message;
}

In plane_for(const WordArray& given, const char* name, const Out& elements) {
    const In plane = in(given, name);
    require_shape(name, plane.shape, {plane_words(elements.data.size())}, "a bit for each element");
    require_apart(elements, plane);
    return plane;
}

std::size_t bits_argument(const Int& given, const char* name, u64 low, u64 high) {
    return static_cast<std::size_t>(integer(given.object, name, low, high));
}

Isa isa_of(const Text& isa) { return how_to_run(isa, Int{py::int_(1)}).isa; }

}  // namespace

void add_rounds(py::module_& module) {
    const py::kw_only kw_only;

    module.def(
        "round_times_known",
        [](const WordArray& half, const WordArray& plane, const WordArray& pad, const Flag& signs,
           const Int& width, const WordArray& o, const ByteArray& m, const Text& isa) {
            const In factor = in(half, "half"), mask = in(pad, "pad");
            const Out result = out(o, "out");
            require_elementwise(result, {&factor, &mask}, InPlace::yes);
            const In bits = plane_for(plane, "plane", result);
            const std::size_t size = bits_argument(width, "width", 1, 64);
            const auto message = message_for(m, result, size, {&factor, &bits, &mask});
            const bool as_signs = flag(signs, "signs");
            const Isa path = isa_of(isa);
            const py::gil_scoped_release release;
            rounds::times_known(factor.data, bits.data, mask.data, as_signs, size, result.data, message.data,
                                path);
        },
        arg("half"), arg("plane"), arg("pad"), arg("signs"), arg("width"), arg("out"), arg("message"),
        kw_only, isa_argument(),
        "out = half * bit - pad, or half * (1 - 2 bit) - pad if `signs`; message is out, packed by width "
        "bits.\n\n"
        "half, pad and out have one shape, of n elements; plane[ceil(n / 64)] has a bit for each.");

    module.def(
        "round_share_upper",
        [](const WordArray& known, const Int& bits, const Int& shift, const WordArray& pad, const Int& width,
           const WordArray& o, const ByteArray& m, const Text& isa) {
            const In value = in(known, "known"), mask = in(pad, "pad");
            const Out result = out(o, "out");
            require_elementwise(result, {&value, &mask}, InPlace::yes);
            const std::size_t from = bits_argument(bits, "bits", 1, 64);
            const std::size_t by = bits_argument(shift, "shift", 0, from - 1);
            const std::size_t size = bits_argument(width, "width", 1, 64);
            const auto message = message_for(m, result, size, {&value, &mask});
            const Isa path = isa_of(isa);
            const py::gil_scoped_release release;
            rounds::share_upper(value.data, from, by, mask.data, size, result.data, message.data, path);
        },
        arg("known"), arg("bits"), arg("shift"), arg("pad"), arg("width"), arg("out"), arg("message"),
        kw_only, isa_argument(),
        "out = (known modulo 2^bits) >> shift, less pad; message is out, packed by width bits.\n\n"
        "known, pad and out have one shape; shift is less than bits.");

    module.def(
        "round_quotient",
        [](const WordArray& base, const WordArray& wrap, const WordArray& flip, const WordArray& top,
           const Int& shift, const WordArray& o, const Text& isa) {
            const In constant = in(base, "base"), carry = in(wrap, "wrap");
            const Out result = out(o, "out");
            require_elementwise(result, {&constant, &carry}, InPlace::yes);
            const In flips = plane_for(flip, "flip", result);
            const In tops = in(top, "top");
            if (!tops.data.empty()) require_shape("top", tops.shape, flips.shape, "that of flip, or empty");
            require_apart(result, tops);
            const std::size_t by = bits_argument(shift, "shift", 0, 63);
            const Isa path = isa_of(isa);
            const py::gil_scoped_release release;
            rounds::quotient(constant.data, carry.data, flips.data, tops.data, by, result.data, path);
        },
        arg("base"), arg("wrap"), arg("flip"), arg("top"), arg("shift"), arg("out"), kw_only, isa_argument(),
        "One share of a truncated number: out = base + 2^shift ((1 - 2 flip) wrap + (top & flip)).\n\n"
        "base, wrap and out have one shape, of n elements; flip[ceil(n / 64)] and top have a bit for each;\n"
        "top may be empty, for a share that lacks that term.");

    module.def(
        "round_multiply",
        [](const WordArray& xa, const WordArray& xb, const WordArray& ya, const WordArray& yb,
           const WordArray& zero, const Int& width, const WordArray& o, const ByteArray& m, const Text& isa) {
            const In x0 = in(xa, "xa"), x1 = in(xb, "xb"), y0 = in(ya, "ya"), y1 = in(yb, "yb");
            const In mask = in(zero, "zero");
            const Out result = out(o, "out");
            require_elementwise(result, {&x0, &x1, &y0, &y1, &mask}, InPlace::yes);
            const std::size_t size = bits_argument(width, "width", 1, 64);
            const auto message = message_for(m, result, size, {&x0, &x1, &y0, &y1, &mask});
            const Isa path = isa_of(isa);
            const py::gil_scoped_release release;
            rounds::multiply(x0.data, x1.data, y0.data, y1.data, mask.data, size, result.data, message.data,
                             path);
        },
        arg("xa"), arg("xb"), arg("ya"), arg("yb"), arg("zero"), arg("width"), arg("out"), arg("message"),
        kw_only, isa_argument(),
        "out = xa * (ya + yb) + xb * ya + zero: this party's masked part of x * y; message is out, "
        "packed.\n\n"
        "All arrays have one shape; see rss_mul. `width` bits of each element go into the message.");

    module.def(
        "round_unflip",
        [](const WordArray& flip, const WordArray& value, const WordArray& product, const WordArray& o,
           const Text& isa) {
            const In whole = in(value, "value"), part = in(product, "product");
            const Out result = out(o, "out");
            require_elementwise(result, {&whole, &part}, InPlace::yes);
            const In flips = plane_for(flip, "flip", result);
            const Isa path = isa_of(isa);
            const py::gil_scoped_release release;
            rounds::unflip(flips.data, whole.data, part.data, result.data, path);
        },
        arg("flip"), arg("value"), arg("product"), arg("out"), kw_only, isa_argument(),
        "One share of a bit times a value: out = value - product where flip, else product.\n\n"
        "`product` is a share of (bit xor flip) * value. value, product and out have one shape, of n "
        "elements;\n"
        "flip[ceil(n / 64)] has a bit for each.");
}

}  // namespace trine::bind
