// Binds the pseudorandom generator.
#include <optional>

#include "bind/arguments.hpp"
#include "bind/rooms.hpp"
#include "prg/aes_ctr.hpp"
#include "prg/generator.hpp"
#include "ring/field.hpp"

namespace trine::bind {

namespace {

using prg::Generator;
using prg::Keystream;
using py::arg;

// Fills shorter than this take less time than it takes to let other Python threads in.
constexpr std::size_t short_fill = 8192;

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

template <class Fill>
void run_fill(std::size_t bytes, Fill fill) {
    std::optional<py::gil_scoped_release> release;
    if (bytes >= short_fill) release.emplace();
    fill();
}

u64 odd_prime(const Int& given) {
    const u64 prime = integer(given.object, "prime", 3, (u64{1} << 62) - 1);
    ring::field::require_modulus(prime);
    return prime;
}

void add_generator(py::module_& module) {
    const auto width_of = [](const Int& width) {
        return static_cast<std::size_t>(integer(width.object, "width", 1, 64));
    };
    py::class_<Generator>(
        module, "Generator",
        "Draws from one 16-byte key; each opens the key's next stream, so no position is used "
        "twice.\n\n"
        "See Keystream. Holds a secret: not to be copied, printed or "
        "pickled. One thread at a time.")
        .def(py::init([](const KeyBytes& key) { return std::make_unique<Generator>(cipher_key(key)); }),
             arg("key"))
        .def_property_readonly("draws", &Generator::draws,
                               "Draws so far: the number of the next one's stream.")
        .def(
            "draw",
            [width_of](Generator& self, const WordArray& o, const Int& width) {
                const Out result = out(o, "out");
                const std::size_t bits = width_of(width);
                run_fill(result.data.size_bytes(), [&] { self.draw(bits, result.data); });
            },
            arg("out"), arg("width") = py::int_(64),
            "Fills out (uint64, any shape) with numbers uniform in [0, 2^width).\n\n"
            "They are the low bits of the stream's little-endian numbers of 1, 2, 4 or 8 bytes, whichever is "
            "the "
            "least that\nholds `width` (1..64) bits.")
        .def(
            "uint64",
            [width_of](Generator& self, const AnyShape& shape, const Int& width) {
                const std::size_t bits = width_of(width);
                auto array = new_array(shape);
                const Words words{array.mutable_data(), static_cast<std::size_t>(array.size())};
                run_fill(words.size_bytes(), [&] { self.draw(bits, words); });
                return array;
            },
            arg("shape"), arg("width") = py::int_(64),
            "A new array of that shape, filled as by draw.\n\nSee draw.")
        .def(
            "subtract",
            [width_of](Generator& self, const WordArray& o, const Int& width) {
                const Out result = out(o, "out");
                const std::size_t bits = width_of(width);
                run_fill(result.data.size_bytes(), [&] { self.subtract(bits, result.data); });
            },
            arg("out"), arg("width") = py::int_(64), "out -= what draw would give, modulo 2^64.")
        .def(
            "exclusive_or",
            [](Generator& self, const WordArray& o) {
                const Out result = out(o, "out");
                run_fill(result.data.size_bytes(), [&] { self.exclusive_or(result.data); });
            },
            arg("out"), "out ^= what draw would give at 64 bits.")
        .def(
            "draw_field",
            [](Generator& self, const Int& prime, const WordArray& o) {
                const Out result = out(o, "out");
                const u64 modulus = odd_prime(prime);
                run_fill(result.data.size_bytes(), [&] { self.draw_field(modulus, result.data); });
            },
            arg("prime"), arg("out"), "Fills out (uint64, any shape) as Keystream.field does.");
}

}  // namespace

void add_prg(py::module_& module) {
    const py::kw_only kw_only;

    // No operation shows what is inside or copies it.
    py::class_<Keystream>(
        module, "Keystream",
        "The keystreams of one key, AES-128-CTR: every stream number gives another keystream.\n\n"
        "It holds the expanded key, which is wiped when it goes, and can be neither copied nor "
        "pickled.\n"
        "Calls from several threads take turns.")
        .def(py::init([](const KeyBytes& key) { return std::make_unique<Keystream>(cipher_key(key)); }),
             arg("key"), "key has 16 bytes.")
        .def(
            "bytes",
            [](Keystream& self, const Int& stream, const ByteArray& o, const Int& block, const Int& threads) {
                const auto result = out(o, "out");
                const prg::Position from = position(stream, block);
                const int count = thread_count(threads);
                run_fill(result.data.size_bytes(), [&] { self.fill(from, result.data, count); });
            },
            arg("stream"), arg("out"), kw_only, block_argument(), threads_argument(),
            "Fills out (uint8, any shape) with the keystream.\n\n"
            "Its 16-byte blocks are AES(key, stream || i), both 64-bit big endian, for i = block, block + 1, "
            "...\n"
            "Raises ValueError if the last of them would be beyond 2^64 - 1.")
        .def(
            "uint64",
            [](Keystream& self, const Int& stream, const WordArray& o, const Int& block, const Int& threads) {
                const Out result = out(o, "out");
                const prg::Position from = position(stream, block);
                const int count = thread_count(threads);
                const Bytes bytes{reinterpret_cast<u8*>(result.data.data()), result.data.size_bytes()};
                run_fill(bytes.size(), [&] { self.fill(from, bytes, count); });
            },
            arg("stream"), arg("out"), kw_only, block_argument(), threads_argument(),
            "Fills out (uint64, any shape) with the same bytes, read little endian.\n\n"
            "See bytes.")
        .def(
            "field",
            [](Keystream& self, const Int& stream, const Int& prime, const WordArray& o, const Int& block) {
                const Out result = out(o, "out");
                const prg::Position from = position(stream, block);
                const u64 modulus = odd_prime(prime);
                run_fill(result.data.size_bytes(), [&] { self.fill_field(from, modulus, result.data); });
            },
            arg("stream"), arg("prime"), arg("out"), kw_only, block_argument(),
            "Fills out (uint64, any shape) with numbers uniform in [0, prime).\n\n"
            "They are the words of uint64, cut to the prime's bit length, in order, without those >= prime;\n"
            "how many words are dropped depends on the keystream alone.")
        .def("__repr__", [](const Keystream&) { return "Keystream(<secret>)"; });

    add_generator(module);
}

}  // namespace trine::bind
