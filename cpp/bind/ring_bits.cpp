// Binds packing and bit-planes.
#include "bind/arguments.hpp"
#include "bind/rooms.hpp"
#include "ring/bits.hpp"

namespace trine::bind {

using namespace ring;
using py::arg;

namespace {

std::size_t planes_width(const std::string& name, const Shape& planes, std::size_t elements) {
    require_dimensions(name, planes, 2, "[width, words]");
    if (planes[0] < 1 || planes[0] > 64) throw py::value_error(name + " must have from 1 to 64 planes");
    require_shape(name, planes, {planes[0], bits::plane_words(elements)}, "a bit for each of the elements");
    return planes[0];
}

template <class Bytes>
void require_packed(const Bytes& packed, std::size_t elements, std::size_t width) {
    require_shape(packed.name, packed.shape, {bits::packed_bytes(elements, width)}, "ceil(n * width / 8)");
}

}  // namespace

void add_ring_bits(py::module_& module) {
    const py::kw_only kw_only;

    module.def(
        "bits_pack",
        [](const WordArray& x, const Int& width, const ByteArray& o, const Int& threads) {
            const In elements = in(x, "x");
            const auto packed = out(o, "out");
            const std::size_t bits = integer(width.object, "width", 1, 64);
            require_dimensions("x", elements.shape, 1, "[n]");
            require_shape("out", packed.shape, {bits::packed_bytes(elements.data.size(), bits)},
                          "ceil(n * width / 8)");
            require_apart(packed, elements);
            const int count = thread_count(threads);
            const py::gil_scoped_release release;
            bits::pack(elements.data, bits, packed.data, count);
        },
        arg("x"), arg("width"), arg("out"), kw_only, threads_argument(),
        "Packs the low `width` (1..64) bits of each of x[n] into out[ceil(n * width / 8)].\n\n"
        "Element e occupies the bits e * width and up of one little-endian bit string; bits left over are "
        "0.");

    module.def(
        "bits_unpack",
        [](const ByteArray& data, const AnyShape& shape, const Int& width, const Int& threads) {
            const auto packed = in(data, "data");
            const std::size_t bits = integer(width.object, "width", 1, 64);
            auto elements = new_array(shape);
            const Words words{elements.mutable_data(), static_cast<std::size_t>(elements.size())};
            require_packed(packed, words.size(), bits);
            const int count = thread_count(threads);
            {
                const py::gil_scoped_release release;
                bits::unpack(packed.data, bits, words, count);
            }
            return elements;
        },
        arg("data"), arg("shape"), arg("width"), kw_only, threads_argument(),
        "The inverse of bits_pack: a new array of that shape, of n elements, from data[ceil(n * width / "
        "8)].\n\n"
        "Bits left over are ignored.");

    module.def(
        "bits_pack_sum",
        [](const WordArray& x, const WordArray& y, const Int& width, const ByteArray& o) {
            const In left = in(x, "x"), right = in(y, "y");
            const auto packed = out(o, "out");
            const std::size_t bits = integer(width.object, "width", 1, 64);
            require_shape("y", right.shape, left.shape, "that of x");
            require_packed(packed, left.data.size(), bits);
            require_apart(packed, left);
            require_apart(packed, right);
            const py::gil_scoped_release release;
            bits::pack_sum(left.data, right.data, bits, packed.data);
        },
        arg("x"), arg("y"), arg("width"), arg("out"),
        "Packs x + y modulo 2^width, as bits_pack does; any shape of n elements.\n\n"
        "out has ceil(n * width / 8) bytes.");

    module.def(
        "bits_add_unpacked",
        [](const ByteArray& data, const Int& width, const WordArray& o) {
            const auto packed = in(data, "data");
            const Out elements = out(o, "out");
            const std::size_t bits = integer(width.object, "width", 1, 64);
            require_packed(packed, elements.data.size(), bits);
            require_apart(elements, packed);
            const py::gil_scoped_release release;
            bits::add_unpacked(packed.data, bits, elements.data);
        },
        arg("data"), arg("width"), arg("out"),
        "out += what bits_unpack gives, modulo 2^64; any shape of n elements.\n\n"
        "data has ceil(n * width / 8) bytes.");

    module.def(
        "bits_to_planes",
        [](const WordArray& x, const WordArray& planes, const Int& low, const Int& threads) {
            const In elements = in(x, "x");
            const Out result = out(planes, "planes");
            const std::size_t width = planes_width("planes", result.shape, elements.data.size());
            const std::size_t first = integer(low.object, "low", 0, 64 - width);
            require_apart(result, elements);
            const int count = thread_count(threads);
            const py::gil_scoped_release release;
            bits::to_planes(elements.data, first, width, result.data, count);
        },
        arg("x"), arg("planes"), kw_only, arg("low") = py::int_(0), threads_argument(),
        "planes[width, ceil(n / 64)]: bit b of word v of plane j = bit low + j of x[64 v + b], x of any "
        "shape.\n\n"
        "Bits left over are 0; low is at most 64 - width.");

    module.def(
        "bits_from_planes",
        [](const WordArray& planes, const WordArray& o, const Int& threads) {
            const In source = in(planes, "planes");
            const Out elements = out(o, "out");
            require_dimensions("out", elements.shape, 1, "[n]");
            const std::size_t width = planes_width("planes", source.shape, elements.data.size());
            require_apart(elements, source);
            const int count = thread_count(threads);
            const py::gil_scoped_release release;
            bits::from_planes(source.data, width, elements.data, count);
        },
        arg("planes"), arg("out"), kw_only, threads_argument(),
        "The inverse of bits_to_planes: out[n] from planes[width, ceil(n / 64)]; bits from `width` up are "
        "0.");
}

}  // namespace trine::bind
