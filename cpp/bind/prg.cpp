// Binds the pseudorandom generator.
#include <algorithm>

#include "bind/arguments.hpp"
#include "bind/rooms.hpp"
#include "prg/aes_ctr.hpp"
#include "prg/generator.hpp"
#include "ring/field.hpp"

namespace trine::bind {

namespace {

using py::arg;

prg::Key cipher_key(const KeyBytes& given) {
    if (!PyBytes_Check(given.object.ptr())) throw py::type_error("key must be bytes");
    const auto size = static_cast<std::size_t>(PyBytes_GET_SIZE(given.object.ptr()));
    if (size != prg::key_bytes) throw py::value_error("key must be 16 bytes, not " + std::to_string(size));
    return prg::Key(reinterpret_cast<const u8*>(PyBytes_AS_STRING(given.object.ptr())), prg::key_bytes);
}

prg::Position position(const Int& stream, const Int& block) {
    return {integer(stream.object, "stream", 0), integer(block.object, "block", 0)};
}

py::arg_v block_argument() { return py::arg("block") = py::int_(0); }

u64 odd_prime(const Int& given) {
    const u64 prime = integer(given.object, "prime", 3, (u64{1} << 62) - 1);
    ring::field::require_modulus(prime);
    return prime;
}

void add_generator(py::module_& module) {
    using prg::Generator;
    const auto width_of = [](const Int& width) {
        return static_cast<std::size_t>(integer(width.object, "width", 1, 64));
    };
    py::class_<Generator>(module, "Generator",
                          "Draws from one 16-byte key; each opens the key's next stream, so no position is used "
                          "twice.\n\n"
                          "See prg_bytes for the keystream. Holds a secret: not to be copied, printed or "
                          "pickled. One thread at a time.")
        .def(py::init([](const KeyBytes& key) { return Generator(cipher_key(key)); }), arg("key"))
        .def_property_readonly("draws", &Generator::draws, "Draws so far: the number of the next one's stream.")
        .def(
            "draw",
            [width_of](Generator& self, const WordArray& o, const Int& width) {
                const Out result = out(o, "out");
                const std::size_t bits = width_of(width);
                const py::gil_scoped_release release;
                self.draw(bits, result.data);
            },
            arg("out"), arg("width") = py::int_(64),
            "Fills out (uint64, any shape) with numbers uniform in [0, 2^width).\n\n"
            "They are the low bits of the stream's little-endian numbers of 1, 2, 4 or 8 bytes, whichever is the "
            "least that\nholds `width` (1..64) bits.")
        .def(
            "subtract",
            [width_of](Generator& self, const WordArray& o, const Int& width) {
                const Out result = out(o, "out");
                const std::size_t bits = width_of(width);
                const py::gil_scoped_release release;
                self.subtract(bits, result.data);
            },
            arg("out"), arg("width") = py::int_(64), "out -= what draw would give, modulo 2^64.")
        .def(
            "exclusive_or",
            [](Generator& self, const WordArray& o) {
                const Out result = out(o, "out");
                const py::gil_scoped_release release;
                self.exclusive_or(result.data);
            },
            arg("out"), "out ^= what draw would give at 64 bits.")
        .def(
            "draw_field",
            [](Generator& self, const Int& prime, const WordArray& o) {
                const Out result = out(o, "out");
                const u64 modulus = odd_prime(prime);
                const py::gil_scoped_release release;
                self.draw_field(modulus, result.data);
            },
            arg("prime"), arg("out"), "Fills out (uint64, any shape) as prg_field does.");
}

}  // namespace

void add_prg(py::module_& module) {
    const py::kw_only kw_only;

    module.def(
        "prg_bytes",
        [](const KeyBytes& key, const Int& stream, const ByteArray& o, const Int& block, const Int& threads) {
            const auto result = out(o, "out");
            const prg::Key secret = cipher_key(key);
            const prg::Position from = position(stream, block);
            const int count = thread_count(threads);
            const py::gil_scoped_release release;
            prg::fill(secret, from, result.data, count);
        },
        arg("key"), arg("stream"), arg("out"), kw_only, block_argument(), threads_argument(),
        "Fills out (uint8, any shape) with the AES-128-CTR keystream of a 16-byte key.\n\n"
        "Its 16-byte blocks are AES(key, stream || i), both 64-bit big endian, for i = block, block + 1, "
        "...\n"
        "Raises ValueError if the last of them would be beyond 2^64 - 1.");

    module.def(
        "prg_uint64",
        [](const KeyBytes& key, const Int& stream, const WordArray& o, const Int& block, const Int& threads) {
            const Out result = out(o, "out");
            const prg::Key secret = cipher_key(key);
            const prg::Position from = position(stream, block);
            const int count = thread_count(threads);
            const py::gil_scoped_release release;
            prg::fill(secret, from, {reinterpret_cast<u8*>(result.data.data()), result.data.size_bytes()},
                      count);
        },
        arg("key"), arg("stream"), arg("out"), kw_only, block_argument(), threads_argument(),
        "Fills out (uint64, any shape) with the bytes of prg_bytes, read little endian.");

    module.def(
        "prg_field",
        [](const KeyBytes& key, const Int& stream, const Int& prime, const WordArray& o, const Int& block) {
            const Out result = out(o, "out");
            const prg::Key secret = cipher_key(key);
            const prg::Position from = position(stream, block);
            const u64 modulus = odd_prime(prime);
            const py::gil_scoped_release release;
            prg::fill_field(secret, from, modulus, result.data);
        },
        arg("key"), arg("stream"), arg("prime"), arg("out"), kw_only, block_argument(),
        "Fills out (uint64, any shape) with numbers uniform in [0, prime).\n\n"
        "They are the words of prg_uint64, cut to the prime's bit length, in order, without those >= prime;\n"
        "how many words are dropped depends on the keystream alone.");

    add_generator(module);
}

}  // namespace trine::bind
