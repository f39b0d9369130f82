// Binds the arithmetic of both rings, modulo 2^64 (z2k_*) and modulo a prime (field_*), from one definition.
#include <initializer_list>
#include <string>

#include "base/check.hpp"
#include "bind/arguments.hpp"
#include "bind/images.hpp"
#include "bind/rooms.hpp"
#include "ring/field.hpp"
#include "ring/z2k.hpp"

namespace trine::bind {

namespace {

using py::arg;

// What tells the two rings apart: nothing for Z_2^64, the argument `prime` for a field.
void check_residues(const Run&, const In&) {}
void check_residues(const Run& run, const In& operand, u64 prime) {
    require(ring::field::all_residues(operand.data, prime, run.threads),
            operand.name + " has an element outside [0, prime), prime = " + std::to_string(prime));
}

// Calls kernel(prime...) without the interpreter's lock, after a look at its operands.
template <class Kernel, class... Prime>
void execute(const Run& run, std::initializer_list<const In*> operands, Kernel kernel, Prime... prime) {
    const py::gil_scoped_release release;
    for (const In* operand : operands) check_residues(run, *operand, prime...);
    kernel(prime...);
}

u64 modulus(const Int& prime) {
    const u64 value = integer(prime.object, "prime", 3, (u64{1} << 62) - 1);
    ring::field::require_modulus(value);
    return value;
}

// Kernels of one ring; `Prime...` is empty or one u64.
template <class... Prime>
struct Kernels {
    using Binary = void (*)(ConstWords, ConstWords, Prime..., Words, Run);
    Binary add, sub, mul;
    void (*neg)(ConstWords, Prime..., Words, Run);
    void (*sum)(ConstWords, SumShape, Prime..., Words, Run);
    void (*sumpool)(ConstWords, const PoolShape&, Prime..., Words, Run);
    void (*matmul)(ConstWords, ConstWords, MatmulShape, Prime..., Words, Run);
    void (*conv2d)(ConstWords, ConstWords, const ConvShape&, Prime..., Words, Run);
};

// `Given...` are the Python arguments, `prime...` their names, both as many as `Prime...`.
template <class... Given, class... Prime, class... Name>
void add_ring(py::module_& module, const std::string& ring, const Kernels<Prime...>& kernels,
              const std::string& modulo, const Name&... prime) {
    const py::kw_only kw_only;
    const auto define = [&](const char* name, auto function, const std::string& doc,
                            const auto&... arguments) {
        module.def((ring + name).c_str(), function, arguments..., kw_only, threads_argument(), isa_argument(),
                   doc.c_str());
    };

    const auto binary = [&](const char* name, auto kernel, const std::string& formula) {
        define(
            name,
            [kernel](const WordArray& a, const WordArray& b, const Given&... q, const WordArray& o,
                     const Int& threads, const Text& isa) {
                const In left = in(a, "a"), right = in(b, "b");
                const Out result = out(o, "out");
                require_elementwise(result, {&left, &right}, InPlace::yes);
                const Run run = how_to_run(isa, threads);
                execute(
                    run, {&left, &right},
                    [&](Prime... p) { kernel(left.data, right.data, p..., result.data, run); },
                    modulus(q)...);
            },
            formula + modulo + ", element by element; out may be a or b itself.", arg("a"), arg("b"),
            prime..., arg("out"));
    };
    binary("add", kernels.add, "out = a + b");
    binary("sub", kernels.sub, "out = a - b");
    binary("mul", kernels.mul, "out = a * b");

    define(
        "neg",
        [kernel = kernels.neg](const WordArray& a, const Given&... q, const WordArray& o, const Int& threads,
                               const Text& isa) {
            const In operand = in(a, "a");
            const Out result = out(o, "out");
            require_elementwise(result, {&operand}, InPlace::yes);
            const Run run = how_to_run(isa, threads);
            execute(
                run, {&operand}, [&](Prime... p) { kernel(operand.data, p..., result.data, run); },
                modulus(q)...);
        },
        "out = -a" + modulo + ", element by element; out may be a itself.", arg("a"), prime..., arg("out"));

    define(
        "sum",
        [kernel = kernels.sum](const WordArray& a, const Given&... q, const WordArray& o, const Int& threads,
                               const Text& isa) {
            const In operand = in(a, "a");
            const Out result = out(o, "out");
            const SumShape shape = sum_shape(operand, result);
            require_apart(result, operand);
            const Run run = how_to_run(isa, threads);
            execute(
                run, {&operand}, [&](Prime... p) { kernel(operand.data, shape, p..., result.data, run); },
                modulus(q)...);
        },
        "out[outer, inner] = the sum" + modulo + " of a[outer, axis, inner] over its middle axis.", arg("a"),
        prime..., arg("out"));

    define(
        "sumpool",
        [kernel = kernels.sumpool](const WordArray& x, const Given&... q, const WordArray& o,
                                   const IntPair& window, const IntPair& stride, const Int& threads,
                                   const Text& isa) {
            const In images = in(x, "x");
            const Out result = out(o, "out");
            const PoolShape shape = pool_shape(images, result, window, stride);
            require_apart(result, images);
            const Run run = how_to_run(isa, threads);
            execute(
                run, {&images}, [&](Prime... p) { kernel(images.data, shape, p..., result.data, run); },
                modulus(q)...);
        },
        "out[N, OH, OW, C] = the sums" + modulo +
            " over windows (height, width) of x[N, H, W, C], `stride` apart.\n\n"
            "A window that does not fit is left out: OH = (H - window height) // stride height + 1, likewise "
            "OW.",
        arg("x"), prime..., arg("out"), arg("window"), arg("stride"));

    define(
        "matmul",
        [kernel = kernels.matmul](const WordArray& a, const WordArray& b, const Given&... q,
                                  const WordArray& o, const Int& threads, const Text& isa) {
            const In left = in(a, "a"), right = in(b, "b");
            const Out result = out(o, "out");
            const MatmulShape shape = matmul_shape(left, right, result);
            require_apart(result, left);
            require_apart(result, right);
            const Run run = how_to_run(isa, threads);
            execute(
                run, {&left, &right},
                [&](Prime... p) { kernel(left.data, right.data, shape, p..., result.data, run); },
                modulus(q)...);
        },
        "out[M, N] = a[M, K] . b[K, N]" + modulo + ".", arg("a"), arg("b"), prime..., arg("out"));

    define(
        "conv2d",
        [kernel = kernels.conv2d](const WordArray& x, const WordArray& w, const Given&... q,
                                  const WordArray& o, const IntPair& stride, const IntQuad& padding,
                                  const Int& threads, const Text& isa) {
            const In images = in(x, "x"), filters = in(w, "w");
            const Out result = out(o, "out");
            const ConvShape shape = conv_shape(images, filters, result, stride, padding);
            require_apart(result, images);
            require_apart(result, filters);
            const Run run = how_to_run(isa, threads);
            execute(
                run, {&images, &filters},
                [&](Prime... p) { kernel(images.data, filters.data, shape, p..., result.data, run); },
                modulus(q)...);
        },
        "out[N, OH, OW, O] = the convolution" + modulo +
            " of x[N, H, W, C] with w[KH, KW, C, O], kernels not flipped.\n\n"
            "stride is (height, width); padding is (top, bottom, left, right), with zeros.\n"
            "OH = (H + top + bottom - KH) // stride height + 1, likewise OW; 0 where the kernel does not "
            "fit.",
        arg("x"), arg("w"), prime..., arg("out"), stride_argument(), padding_argument());
}

}  // namespace

void add_ring_arithmetic(py::module_& module) {
    using namespace ring;
    add_ring<>(
        module, "z2k_",
        Kernels<>{z2k::add, z2k::sub, z2k::mul, z2k::neg, z2k::sum, z2k::sumpool, z2k::matmul, z2k::conv2d},
        " modulo 2^64");
    add_ring<Int>(module, "field_",
                  Kernels<u64>{field::add, field::sub, field::mul, field::neg, field::sum, field::sumpool,
                               field::matmul, field::conv2d},
                  " modulo prime", arg("prime"));
}

}  // namespace trine::bind
