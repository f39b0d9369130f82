// Binds the pseudorandom generator.
#include <algorithm>

#include "bind/arguments.hpp"
#include "bind/rooms.hpp"
#include "prg/aes_ctr.hpp"
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
            const u64 modulus = integer(prime.object, "prime", 3, (u64{1} << 62) - 1);
            ring::field::require_modulus(modulus);
            const py::gil_scoped_release release;
            prg::fill_field(secret, from, modulus, result.data);
        },
        arg("key"), arg("stream"), arg("prime"), arg("out"), kw_only, block_argument(),
        "Fills out (uint64, any shape) with numbers uniform in [0, prime).\n\n"
        "They are the words of prg_uint64, cut to the prime's bit length, in order, without those >= prime;\n"
        "how many words are dropped depends on the keystream alone.");
}

}  // namespace trine::bind
