// Python arguments, checked and borrowed: every function of the module takes these and nothing else.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/run.hpp"
#include "base/span.hpp"

namespace trine::bind {

namespace py = pybind11;

template <std::size_t Size>
struct Literal {
    // Implicit, so that a string can be a template argument.
    constexpr Literal(const char (&string)[Size]) { std::copy_n(string, Size, text); }  // NOLINT
    char text[Size];
};

// An argument that any object converts to, so that our own checks speak, not pybind11's: its message would
// print the arguments, and they are shares. `Type` is only what the signature shows.
template <Literal Type>
struct Given {
    py::object object;
};

using WordArray = Given<"numpy.typing.NDArray[numpy.uint64]">;
using ByteArray = Given<"numpy.typing.NDArray[numpy.uint8]">;
using Int = Given<"int">;
using Flag = Given<"bool">;
using Text = Given<"str">;
using KeyBytes = Given<"bytes">;
using IntPair = Given<"tuple[int, int]">;
using IntQuad = Given<"tuple[int, int, int, int]">;

using Shape = std::vector<std::size_t>;

std::string to_string(const Shape& shape);

// A C-contiguous, aligned array of exactly this type, and the name to call it by.
template <class Element>
struct View {
    std::string name;
    Shape shape;
    std::span<Element> data;
};
using In = View<const u64>;
using Out = View<u64>;

In in(const WordArray& given, const char* name);
Out out(const WordArray& given, const char* name);
View<const u8> in(const ByteArray& given, const char* name);
View<u8> out(const ByteArray& given, const char* name);

using AnyShape = Given<"int | tuple[int, ...]">;
// A new array of a shape given as numpy takes it: a number, or a tuple of them.
py::array_t<u64> new_array(const AnyShape& shape);

int thread_count(const Int& given);
Run how_to_run(const Text& isa, const Int& threads);
bool flag(const Flag& given, const char* name);
// A whole number in [low, high].
u64 integer(const py::object& given, const char* name, u64 low, u64 high = ~u64{0});
std::array<std::size_t, 2> pair(const IntPair& given, const char* name, u64 low);
std::array<std::size_t, 4> quad(const IntQuad& given, const char* name, u64 low);

void require_dimensions(const std::string& name, const Shape& shape, std::size_t dimensions,
                        const char* axes);
[[noreturn]] void shape_error(const std::string& name, const Shape& shape, const Shape& expected,
                              const std::string& why);
[[noreturn]] void overlap_error(const std::string& output, const std::string& input);

// `why` is text, or a function that puts it together.
template <class Why>
void require_shape(const std::string& name, const Shape& shape, const Shape& expected, Why why) {
    if (shape == expected) return;
    if constexpr (std::is_invocable_v<Why>)
        shape_error(name, shape, expected, why());
    else
        shape_error(name, shape, expected, why);
}

enum class InPlace { no, yes };

// Refuses an output that shares memory with an input (but for being the very same array, if `in_place`).
template <class Output, class Input>
void require_apart(const View<Output>& output, const View<Input>& input, InPlace in_place = InPlace::no) {
    const auto* out_begin = reinterpret_cast<const u8*>(output.data.data());
    const auto* in_begin = reinterpret_cast<const u8*>(input.data.data());
    const auto* out_end = out_begin + output.data.size_bytes();
    const auto* in_end = in_begin + input.data.size_bytes();
    const bool same = out_begin == in_begin && out_end == in_end;
    if (out_begin < in_end && in_begin < out_end && !(in_place == InPlace::yes && same))
        overlap_error(output.name, input.name);
}

// All of the first one's shape, `output` apart from the inputs.
void require_elementwise(const Out& output, std::initializer_list<const In*> inputs, InPlace in_place);

// The default values that signatures show.
py::arg_v threads_argument();
py::arg_v isa_argument();
py::arg_v stride_argument();
py::arg_v padding_argument();

}  // namespace trine::bind

namespace pybind11::detail {

template <trine::bind::Literal Type>
struct type_caster<trine::bind::Given<Type>> {
    PYBIND11_TYPE_CASTER(trine::bind::Given<Type>, const_name(Type.text));
    bool load(handle source, bool) {
        value.object = reinterpret_borrow<object>(source);
        return true;
    }
    static handle cast(const trine::bind::Given<Type>& source, return_value_policy, handle) {
        return handle(source.object).inc_ref();
    }
};

}  // namespace pybind11::detail
