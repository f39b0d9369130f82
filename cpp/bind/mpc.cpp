// Binds each party's local half of products and comparisons.
#include <pybind11/stl.h>

#include "bind/arguments.hpp"
#include "bind/images.hpp"
#include "bind/rooms.hpp"
#include "mpc/compare.hpp"
#include "mpc/rss.hpp"

namespace trine::bind {

namespace {

using namespace mpc;
using py::arg;

void add_products(py::module_& module) {
    const py::kw_only kw_only;

    const auto elementwise = [&](const char* name, auto kernel, const char* doc) {
        module.def(
            name,
            [kernel](const WordArray& xa, const WordArray& xb, const WordArray& ya, const WordArray& yb,
                     const WordArray& o, const Int& threads, const Text& isa) {
                const In x0 = in(xa, "xa"), x1 = in(xb, "xb"), y0 = in(ya, "ya"), y1 = in(yb, "yb");
                const Out result = out(o, "out");
                require_elementwise(result, {&x0, &x1, &y0, &y1}, InPlace::no);
                const Run run = how_to_run(isa, threads);
                const py::gil_scoped_release release;
                kernel(x0.data, x1.data, y0.data, y1.data, result.data, run);
            },
            arg("xa"), arg("xb"), arg("ya"), arg("yb"), arg("out"), kw_only, threads_argument(),
            isa_argument(), doc);
    };
    elementwise("rss_mul", rss::mul,
                "out = xa * (ya + yb) + xb * ya modulo 2^64: this party's additive share of x * y, element "
                "by element.\n\n"
                "xa, xb = x_i, x_{i+1} are party i's replicated share of x, likewise y (Araki et al. 2016).");
    elementwise("rss_and", rss::and_words,
                "out = (xa & (ya ^ yb)) ^ (xb & ya): this party's XOR share of x & y, bit by bit.\n\n"
                "xa, xb = x_i, x_{i+1} are party i's replicated share of x, likewise y.");

    module.def(
        "rss_matmul",
        [](const WordArray& xa, const WordArray& xb, const WordArray& ya, const WordArray& yb,
           const WordArray& o, const Int& threads, const Text& isa) {
            const In x0 = in(xa, "xa"), x1 = in(xb, "xb"), y0 = in(ya, "ya"), y1 = in(yb, "yb");
            const Out result = out(o, "out");
            const MatmulShape shape = matmul_shape(x0, y0, result);
            require_shape("xb", x1.shape, x0.shape, "that of xa");
            require_shape("yb", y1.shape, y0.shape, "that of ya");
            for (const In* input : {&x0, &x1, &y0, &y1}) require_apart(result, *input);
            const Run run = how_to_run(isa, threads);
            const py::gil_scoped_release release;
            rss::matmul(x0.data, x1.data, y0.data, y1.data, shape, result.data, run);
        },
        arg("xa"), arg("xb"), arg("ya"), arg("yb"), arg("out"), kw_only, threads_argument(), isa_argument(),
        "out[M, N] = xa[M, K] . (ya + yb)[K, N] + xb . ya modulo 2^64, as one product of depth 2 K.\n\n"
        "It is this party's additive share of x . y; see rss_mul.");

    module.def(
        "rss_conv2d",
        [](const WordArray& xa, const WordArray& xb, const WordArray& wa, const WordArray& wb,
           const WordArray& o, const IntPair& stride, const IntQuad& padding, const Int& threads,
           const Text& isa) {
            const In x0 = in(xa, "xa"), x1 = in(xb, "xb"), w0 = in(wa, "wa"), w1 = in(wb, "wb");
            const Out result = out(o, "out");
            const ConvShape shape = conv_shape(x0, w0, result, stride, padding);
            require_shape("xb", x1.shape, x0.shape, "that of xa");
            require_shape("wb", w1.shape, w0.shape, "that of wa");
            for (const In* input : {&x0, &x1, &w0, &w1}) require_apart(result, *input);
            const Run run = how_to_run(isa, threads);
            const py::gil_scoped_release release;
            rss::conv2d(x0.data, x1.data, w0.data, w1.data, shape, result.data, run);
        },
        arg("xa"), arg("xb"), arg("wa"), arg("wb"), arg("out"), stride_argument(), padding_argument(),
        kw_only, threads_argument(), isa_argument(),
        "The convolution of xa with wa + wb plus that of xb with wa, modulo 2^64, as one product of twice "
        "the depth.\n\n"
        "It is this party's additive share of the convolution of x with w; shapes as in z2k_conv2d, see "
        "rss_mul.");
}

// [ya + yb ; ya] for products of doubled depth, with the shape of the shared matrix or kernel.
struct PackedShares {
    Shape shape;
    ring::PackedOperand operand;
};
using Packed = Given<"PackedOperand">;
using Dimensions = Given<"tuple[int, ...]">;

Shape operand_shape(const In& ya, const In& yb) {
    if (ya.shape.size() != 4) require_dimensions(ya.name, ya.shape, 2, "[K, N] or [KH, KW, C, O]");
    require_shape(yb.name, yb.shape, ya.shape, "that of " + ya.name);
    return ya.shape;
}

const PackedShares& packed(const Packed& given, const char* name) {
    if (!py::isinstance<PackedShares>(given.object))
        throw py::type_error(std::string(name) + " must be a PackedOperand, not " +
                             py::cast<std::string>(py::type::of(given.object).attr("__name__")));
    return py::cast<const PackedShares&>(given.object);
}

void add_packed_products(py::module_& module) {
    const py::kw_only kw_only;

    // No operation shows what is inside or copies it.
    py::class_<PackedShares>(
        module, "PackedOperand",
        "The right operand of rss_matmul or rss_conv2d in the form that the kernels read, "
        "made once for many products.\n\n"
        "It holds ya + yb and ya, so as many bytes as ya and yb together, and remembers the "
        "instruction set it was packed for.\n"
        "It cannot be copied or pickled, and shows nothing but its shape.")
        .def(py::init([](const WordArray& ya, const WordArray& yb, const Text& isa) {
                 const In y0 = in(ya, "ya"), y1 = in(yb, "yb");
                 const Shape shape = operand_shape(y0, y1);
                 const Isa path = how_to_run(isa, {py::int_(1)}).isa;
                 const py::gil_scoped_release release;
                 const std::size_t columns = shape.back();
                 std::size_t depth = 1;
                 for (std::size_t axis = 0; axis + 1 < shape.size(); ++axis) depth *= shape[axis];
                 return new PackedShares{shape, rss::pack(y0.data, y1.data, depth, columns, path)};
             }),
             arg("ya"), arg("yb"), kw_only, isa_argument(),
             "ya, yb = y_i, y_{i+1} are party i's replicated share of a matrix [K, N] or a kernel [KH, KW, "
             "C, O].")
        .def_property_readonly(
            "shape", [](const PackedShares& self) { return Dimensions{py::tuple(py::cast(self.shape))}; },
            "Shape of the shared matrix or kernel.")
        .def("__repr__", [](const PackedShares& self) { return "PackedOperand" + to_string(self.shape); });

    module.def(
        "rss_matmul_packed",
        [](const WordArray& xa, const WordArray& xb, const Packed& y, const WordArray& o,
           const Int& threads) {
            const In x0 = in(xa, "xa"), x1 = in(xb, "xb");
            const PackedShares& right = packed(y, "y");
            const Out result = out(o, "out");
            const MatmulShape shape = matmul_shape(x0, Operand{"y", right.shape}, result);
            require_shape("xb", x1.shape, x0.shape, "that of xa");
            for (const In* input : {&x0, &x1}) require_apart(result, *input);
            const int count = thread_count(threads);
            const py::gil_scoped_release release;
            rss::matmul(x0.data, x1.data, right.operand, shape, result.data, count);
        },
        arg("xa"), arg("xb"), arg("y"), arg("out"), kw_only, threads_argument(),
        "rss_matmul with a right operand that was packed before: the same bits.\n\n"
        "out[M, N] = xa[M, K] . (ya + yb)[K, N] + xb . ya modulo 2^64.");

    module.def(
        "rss_conv2d_packed",
        [](const WordArray& xa, const WordArray& xb, const Packed& w, const WordArray& o,
           const IntPair& stride, const IntQuad& padding, const Int& threads) {
            const In x0 = in(xa, "xa"), x1 = in(xb, "xb");
            const PackedShares& right = packed(w, "w");
            const Out result = out(o, "out");
            const ConvShape shape = conv_shape(x0, Operand{"w", right.shape}, result, stride, padding);
            require_shape("xb", x1.shape, x0.shape, "that of xa");
            for (const In* input : {&x0, &x1}) require_apart(result, *input);
            const int count = thread_count(threads);
            const py::gil_scoped_release release;
            rss::conv2d(x0.data, x1.data, right.operand, shape, result.data, count);
        },
        arg("xa"), arg("xb"), arg("w"), arg("out"), stride_argument(), padding_argument(), kw_only,
        threads_argument(),
        "rss_conv2d with a kernel that was packed before: the same bits.\n\n"
        "Shapes as in z2k_conv2d.");
}

void add_comparison(py::module_& module) {
    const py::kw_only kw_only;

    module.def(
        "compare_monomials",
        [](const WordArray& c_planes, const WordArray& o, const Int& threads) {
            const In c = in(c_planes, "c_planes");
            const Out table = out(o, "out");
            require_dimensions("c_planes", c.shape, 2, "[w, words]");
            const std::size_t width = c.shape[0], words = c.shape[1];
            require_shape("out", table.shape, {compare::table_rows(width), words},
                          "15 (w // 4) + 2^(w % 4) - 1 rows");
            require_apart(table, c);
            const int count = thread_count(threads);
            const py::gil_scoped_release release;
            compare::monomials(c.data, width, words, table.data, count);
        },
        arg("c_planes"), arg("out"), kw_only, threads_argument(),
        "All products of bit-planes within groups of four, c_planes[w, words] -> out[rows, words].\n\n"
        "Groups are counted from the low end; the last one may have 1..3 planes. A group of b planes gives "
        "2^b - 1\n"
        "rows: for S = 1, 2, ..., the AND of the planes whose bits are set in S.");

    module.def(
        "compare_leaf",
        [](const WordArray& r_planes, const WordArray& table, const Flag& constant, const WordArray& less,
           const WordArray& equal, const Int& threads) {
            const In r = in(r_planes, "r_planes"), monomials = in(table, "table");
            const Out is_less = out(less, "less"), is_equal = out(equal, "equal");
            require_dimensions("r_planes", r.shape, 2, "[w, words]");
            const std::size_t width = r.shape[0], words = r.shape[1];
            require_shape("table", monomials.shape, {compare::table_rows(width), words},
                          "15 (w // 4) + 2^(w % 4) - 1 rows, words as in r_planes");
            for (const Out* result : {&is_less, &is_equal}) {
                require_shape(result->name, result->shape, {compare::groups(width), words},
                              "ceil(w / 4) rows, words as in r_planes");
                require_apart(*result, r);
                require_apart(*result, monomials);
            }
            require_apart(is_less, is_equal);
            const bool one = flag(constant, "constant");
            const int count = thread_count(threads);
            const py::gil_scoped_release release;
            compare::leaf(r.data, monomials.data, width, words, one, is_less.data, is_equal.data, count);
        },
        arg("r_planes"), arg("table"), arg("constant"), arg("less"), arg("equal"), kw_only,
        threads_argument(),
        "This XOR share of [C < R] and of [C == R] on each group of four bits, from one of "
        "compare_monomials(C).\n\n"
        "r_planes[w, words] is R in the clear; table[rows, words] the share; `constant` whether this share "
        "also\n"
        "carries the empty monomial, 1 (just one share does); less and equal are [ceil(w / 4), words]. Both "
        "are\n"
        "linear in the table, so the shares' results XOR to the answer.");

    module.def(
        "compare_merge",
        [](const WordArray& less_a, const WordArray& less_b, const WordArray& equal_a,
           const WordArray& equal_b, const WordArray& o, const Int& threads) {
            const In la = in(less_a, "less_a"), lb = in(less_b, "less_b");
            const In ea = in(equal_a, "equal_a"), eb = in(equal_b, "equal_b");
            const Out result = out(o, "out");
            require_dimensions("less_a", la.shape, 2, "[groups, words]");
            const std::size_t groups = la.shape[0], words = la.shape[1];
            if (groups < 2) throw py::value_error("less_a: at least 2 groups can be merged");
            require_shape("less_b", lb.shape, la.shape, "as less_a");
            for (const In* equal : {&ea, &eb})
                require_shape(equal->name, equal->shape, {groups - 1, words}, "one row less than less_a");
            require_shape("out", result.shape, {compare::merged_rows(groups), words},
                          "2 (groups // 2) - 1 rows");
            for (const In* given : {&la, &lb, &ea, &eb}) require_apart(result, *given);
            const int count = thread_count(threads);
            const py::gil_scoped_release release;
            compare::merge(la.data, lb.data, ea.data, eb.data, groups, words, result.data, count);
        },
        arg("less_a"), arg("less_b"), arg("equal_a"), arg("equal_b"), arg("out"), kw_only, threads_argument(),
        "This party's XOR part of one level of the tree that joins groups in pairs, on replicated shares.\n\n"
        "less_*[groups, words] and equal_*[groups - 1, words], which lacks the lowest group, are x_i and "
        "x_{i+1}.\n"
        "out first has equal_high & equal_low of each pair but the lowest, then less_high ^ (equal_high & "
        "less_low)\n"
        "of all pairs. An odd group at the high end is left out.");
}

}  // namespace

void add_mpc(py::module_& module) {
    add_products(module);
    add_packed_products(module);
    add_comparison(module);
}

}  // namespace trine::bind
