// The checks, and the words in which they refuse.
#include "bind/arguments.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace trine::bind {

namespace {

std::string type_name(const py::object& given) {
    return py::cast<std::string>(py::type::of(given).attr("__name__"));
}

template <class Element>
View<Element> borrow(const py::object& given, const char* name, const char* dtype) {
    if (!py::isinstance<py::array>(given))
        throw py::type_error(std::string(name) + " must be a numpy array of " + dtype + ", not " +
                             type_name(given));
    const auto array = py::reinterpret_borrow<py::array>(given);
    View<Element> view{name, Shape(array.shape(), array.shape() + array.ndim()), {}};
    const auto described = [&] {
        return view.name + " " + to_string(view.shape) + " of " +
               py::cast<std::string>(py::str(array.dtype()));
    };
    if (!py::isinstance<py::array_t<std::remove_const_t<Element>>>(array))
        throw py::type_error(described() + ": the dtype must be " + dtype + " exactly");
    if (!(array.flags() & py::array::c_style))
        throw py::value_error(described() + " must be C-contiguous: pass numpy.ascontiguousarray of it");
    if (!(array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_))
        throw py::value_error(described() + " must be aligned: pass a copy of it");
    if (!std::is_const_v<Element> && !array.writeable())
        throw py::value_error(described() + " must be writable");
    view.data = {const_cast<Element*>(static_cast<const Element*>(array.data())),
                 static_cast<std::size_t>(array.size())};
    return view;
}

template <std::size_t Count>
std::array<std::size_t, Count> integers(const py::object& given, const char* name, u64 low) {
    if (!py::isinstance<py::sequence>(given) || py::isinstance<py::str>(given) || py::len(given) != Count)
        throw py::value_error(std::string(name) + " must be " + std::to_string(Count) + " whole numbers");
    const auto items = py::reinterpret_borrow<py::sequence>(given);
    std::array<std::size_t, Count> values{};
    // No image is near 2^31 pixels wide; sums of such numbers cannot overflow.
    for (std::size_t i = 0; i < Count; ++i) values[i] = integer(items[i], name, low, u64{1} << 31);
    return values;
}

}  // namespace

std::string to_string(const Shape& shape) {
    std::string text = "(";
    for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + (shape.size() == 1 ? ",)" : ")");
}

In in(const WordArray& given, const char* name) { return borrow<const u64>(given.object, name, "uint64"); }
Out out(const WordArray& given, const char* name) { return borrow<u64>(given.object, name, "uint64"); }
View<const u8> in(const ByteArray& given, const char* name) {
    return borrow<const u8>(given.object, name, "uint8");
}
View<u8> out(const ByteArray& given, const char* name) { return borrow<u8>(given.object, name, "uint8"); }

u64 integer(const py::object& given, const char* name, u64 low, u64 high) {
    if (!PyIndex_Check(given.ptr()) || PyBool_Check(given.ptr()))
        throw py::type_error(std::string(name) + " must be an int, not " + type_name(given));
    const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(given.ptr()));
    if (!number) throw py::error_already_set();
    const u64 value = PyLong_AsUnsignedLongLong(number.ptr());
    const bool fits = !PyErr_Occurred();
    PyErr_Clear();
    if (!fits || value < low || value > high)
        throw py::value_error(std::string(name) + " must be from " + std::to_string(low) + " to " +
                              std::to_string(high));
    return value;
}

py::array_t<u64> new_array(const AnyShape& given) {
    constexpr u64 most = u64{1} << 40;
    std::vector<py::ssize_t> shape;
    u64 elements = 1;
    const auto add = [&](const py::object& length) {
        const u64 value = integer(length, "shape", 0, most);
        shape.push_back(static_cast<py::ssize_t>(value));
        if (value != 0 && elements > most / value) throw py::value_error("shape is too large");
        elements *= value;
    };
    if (py::isinstance<py::tuple>(given.object))
        for (const auto& length : py::reinterpret_borrow<py::tuple>(given.object))
            add(py::reinterpret_borrow<py::object>(length));
    else
        add(given.object);
    return py::array_t<u64>(shape);
}

int thread_count(const Int& given) { return static_cast<int>(integer(given.object, "threads", 1, 1024)); }

Run how_to_run(const Text& isa, const Int& threads) {
    if (!py::isinstance<py::str>(isa.object))
        throw py::type_error("isa must be a str, not " + type_name(isa.object));
    return {isa_from_name(py::cast<std::string>(isa.object)), thread_count(threads)};
}

bool flag(const Flag& given, const char* name) {
    if (!PyBool_Check(given.object.ptr()))
        throw py::type_error(std::string(name) + " must be a bool, not " + type_name(given.object));
    return given.object.is(py::bool_(true));
}

std::array<std::size_t, 2> pair(const IntPair& given, const char* name, u64 low) {
    return integers<2>(given.object, name, low);
}

std::array<std::size_t, 4> quad(const IntQuad& given, const char* name, u64 low) {
    return integers<4>(given.object, name, low);
}

// The words are put together only when they are needed: these checks stand before every kernel.
void require_dimensions(const std::string& name, const Shape& shape, std::size_t dimensions,
                        const char* axes) {
    if (shape.size() == dimensions) return;
    throw py::value_error(name + " must have the axes " + axes + ", not the shape " + to_string(shape));
}

void shape_error(const std::string& name, const Shape& shape, const Shape& expected, const std::string& why) {
    throw py::value_error(name + " must have the shape " + to_string(expected) + " (" + why + "), not " +
                          to_string(shape));
}

void overlap_error(const std::string& output, const std::string& input) {
    throw py::value_error(output + " must not share memory with " + input);
}

void require_elementwise(const Out& output, std::initializer_list<const In*> inputs, InPlace in_place) {
    for (const In* input : inputs) {
        require_shape(input->name, input->shape, output.shape, [&] { return "that of " + output.name; });
        require_apart(output, *input, in_place);
    }
}

py::arg_v threads_argument() { return py::arg("threads") = py::int_(1); }
py::arg_v isa_argument() { return py::arg("isa") = py::str("auto"); }
py::arg_v stride_argument() { return py::arg("stride") = py::make_tuple(1, 1); }
py::arg_v padding_argument() { return py::arg("padding") = py::make_tuple(0, 0, 0, 0); }

}  // namespace trine::bind
