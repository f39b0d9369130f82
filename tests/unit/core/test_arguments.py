"""Whatever does not fit gives a typed error that names it."""

import inspect

import numpy as np
import pytest

from trine import _core


def array(*shape, dtype=np.uint64):
    return np.zeros(shape, dtype)


def plain(*shape):
    return {"a": array(*shape), "b": array(*shape), "out": array(*shape)}


# One good call of every kernel.
CALLS = {
    "z2k_add": plain(6, 4),
    "z2k_sub": plain(6, 4),
    "z2k_mul": plain(6, 4),
    "z2k_neg": {"a": array(6, 4), "out": array(6, 4)},
    "z2k_sum": {"a": array(6, 4, 2), "out": array(6, 2)},
    "z2k_sumpool": {"x": array(1, 4, 4, 2), "out": array(1, 2, 2, 2), "window": (2, 2), "stride": (2, 2)},
    "z2k_matmul": {"a": array(6, 4), "b": array(4, 2), "out": array(6, 2)},
    "z2k_conv2d": {"x": array(1, 4, 4, 2), "w": array(3, 3, 2, 2), "out": array(1, 2, 2, 2)},
    "rss_mul": {"xa": array(6, 4), "xb": array(6, 4), "ya": array(6, 4), "yb": array(6, 4), "out": array(6, 4)},
    "rss_and": {"xa": array(6, 4), "xb": array(6, 4), "ya": array(6, 4), "yb": array(6, 4), "out": array(6, 4)},
    "rss_matmul": {"xa": array(6, 4), "xb": array(6, 4), "ya": array(4, 2), "yb": array(4, 2), "out": array(6, 2)},
    "rss_conv2d": {
        "xa": array(1, 4, 4, 2),
        "xb": array(1, 4, 4, 2),
        "wa": array(3, 3, 2, 2),
        "wb": array(3, 3, 2, 2),
        "out": array(1, 2, 2, 2),
    },
    "rss_matmul_packed": {
        "xa": array(6, 4),
        "xb": array(6, 4),
        "y": _core.PackedOperand(array(4, 2), array(4, 2)),
        "out": array(6, 2),
    },
    "rss_conv2d_packed": {
        "xa": array(1, 4, 4, 2),
        "xb": array(1, 4, 4, 2),
        "w": _core.PackedOperand(array(3, 3, 2, 2), array(3, 3, 2, 2)),
        "out": array(1, 2, 2, 2),
    },
    "bits_pack": {"x": array(10), "width": 12, "out": array(15, dtype=np.uint8)},
    "bits_unpack": {"data": array(15, dtype=np.uint8), "shape": (5, 2), "width": 12},
    "bits_pack_sum": {"x": array(10), "y": array(10), "width": 12, "out": array(15, dtype=np.uint8)},
    "bits_add_unpacked": {"data": array(15, dtype=np.uint8), "width": 12, "out": array(10)},
    "bits_to_planes": {"x": array(100), "planes": array(12, 2)},
    "bits_from_planes": {"planes": array(12, 2), "out": array(100)},
    "Keystream.bytes": {"stream": 1, "out": array(6, 4, dtype=np.uint8)},
    "Keystream.uint64": {"stream": 1, "out": array(6, 4)},
    "Keystream.field": {"stream": 1, "prime": 5, "out": array(6, 4)},
    "compare_monomials": {"c_planes": array(6, 4), "out": array(18, 4)},
    "compare_leaf": {
        "r_planes": array(6, 4),
        "table": array(18, 4),
        "constant": True,
        "less": array(2, 4),
        "equal": array(2, 4),
    },
    "compare_merge": {
        "less_a": array(3, 4),
        "less_b": array(3, 4),
        "equal_a": array(2, 4),
        "equal_b": array(2, 4),
        "out": array(1, 4),
    },
    "Generator.draw": {"out": array(6, 4)},
    "Generator.uint64": {"shape": (6, 4)},
    "Generator.subtract": {"out": array(6, 4)},
    "Generator.exclusive_or": {"out": array(6, 4)},
    "Generator.draw_field": {"prime": 5, "out": array(6, 4)},
    "round_times_known": {
        "half": array(100),
        "plane": array(2),
        "pad": array(100),
        "signs": True,
        "width": 12,
        "out": array(100),
        "message": array(150, dtype=np.uint8),
    },
    "round_share_upper": {
        "known": array(100),
        "bits": 40,
        "shift": 16,
        "pad": array(100),
        "width": 12,
        "out": array(100),
        "message": array(150, dtype=np.uint8),
    },
    "round_quotient": {
        "base": array(100),
        "wrap": array(100),
        "flip": array(2),
        "top": array(2),
        "shift": 20,
        "out": array(100),
    },
    "round_multiply": {
        "xa": array(100),
        "xb": array(100),
        "ya": array(100),
        "yb": array(100),
        "zero": array(100),
        "width": 12,
        "out": array(100),
        "message": array(150, dtype=np.uint8),
    },
    "round_unflip": {"flip": array(2), "value": array(100), "product": array(100), "out": array(100)},
}
CALLS |= {name.replace("z2k", "field"): {**call, "prime": 5} for name, call in CALLS.items() if name.startswith("z2k")}
ANY_SHAPE = {("bits_to_planes", "x"), ("bits_add_unpacked", "out")}  # only the number of elements matters
OUTPUTS = {"out", "less", "equal", "message"}


def outputs(name):
    return (OUTPUTS | {"planes"} if name == "bits_to_planes" else OUTPUTS) & set(CALLS[name])


def arrays(kinds=lambda name, argument: True):
    return [
        pytest.param(name, argument, id=f"{name}-{argument}")
        for name, call in CALLS.items()
        for argument, value in call.items()
        if isinstance(value, np.ndarray) and kinds(name, argument)
    ]


def kernel(name):
    kind, _, method = name.rpartition(".")
    return getattr(getattr(_core, kind)(bytes(16)) if kind else _core, method)


def call(name, **changes):
    kernel(name)(**{**CALLS[name], **changes})


def test_every_kernel_is_here():
    kernels = {name for name, _ in inspect.getmembers(_core, inspect.isroutine)}
    kernels -= {"available_isas", "frame_pack", "frame_unpack", "keep_freed_memory"}  # no kernels
    kernels -= {name for name in kernels if name.endswith("_program")}  # see test_programs.py
    draws = {
        f"{kind.__name__}.{name}"
        for kind in (_core.Keystream, _core.Generator)
        for name in vars(kind)
        if not name.startswith("_") and name != "draws"
    }
    assert kernels | draws == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_the_good_call_is_good_and_documented(name):
    call(name)
    assert kernel(name).__doc__.count("\n") >= 2


@pytest.mark.parametrize(("name", "argument"), arrays())
@pytest.mark.parametrize("dtype", [np.int64, np.float64, np.uint32, ">u8", bool, object])
def test_dtype(name, argument, dtype):
    value = CALLS[name][argument]
    with pytest.raises(TypeError, match=rf"^{argument} \(.*\) of .*: the dtype must be {value.dtype} exactly"):
        call(name, **{argument: value.astype(dtype)})


@pytest.mark.parametrize(("name", "argument"), arrays())
@pytest.mark.parametrize("value", [None, 1, [[1, 2]], "text", b"bytes"])
def test_no_array(name, argument, value):
    with pytest.raises(
        TypeError, match=rf"^{argument} must be a numpy array of uint(8|64), not {type(value).__name__}"
    ):
        call(name, **{argument: value})


@pytest.mark.parametrize(("name", "argument"), arrays())
def test_contiguity(name, argument):
    value = CALLS[name][argument]
    strided = np.zeros((*value.shape[:-1], 2 * value.shape[-1]), value.dtype)[..., ::2]
    with pytest.raises(ValueError, match=rf"^{argument} \(.*\) of uint\d+ must be C-contiguous"):
        call(name, **{argument: strided})


@pytest.mark.parametrize(("name", "argument"), arrays(lambda name, argument: CALLS[name][argument].dtype == np.uint64))
def test_alignment(name, argument):
    value = CALLS[name][argument]
    shifted = np.zeros(value.nbytes + 1, np.uint8)[1:].view(np.uint64).reshape(value.shape)
    with pytest.raises(ValueError, match=rf"^{argument} \(.*\) of uint64 must be aligned"):
        call(name, **{argument: shifted})


@pytest.mark.parametrize(("name", "argument"), arrays(lambda name, argument: argument in outputs(name)))
def test_read_only_output(name, argument):
    value = CALLS[name][argument].copy()
    value.flags.writeable = False
    with pytest.raises(ValueError, match=rf"^{argument} \(.*\) of uint\d+ must be writable"):
        call(name, **{argument: value})


@pytest.mark.parametrize(("name", "argument"), arrays(lambda name, argument: "." not in name))
def test_shape(name, argument):
    """One row too many, and one axis too many."""
    value = CALLS[name][argument]
    longer = np.zeros((value.shape[0] + 64, *value.shape[1:]), value.dtype)
    deeper = value[..., None].copy()
    for wrong in (longer, deeper) if (name, argument) not in ANY_SHAPE else (longer,):
        with pytest.raises(ValueError, match=r" must (have|be)"):
            call(name, **{argument: wrong})


@pytest.mark.parametrize(
    ("name", "argument"), arrays(lambda name, argument: argument not in outputs(name) and outputs(name))
)
def test_overlap(name, argument):
    """Every output laid over every input, one element off."""
    value = CALLS[name][argument]
    for output in outputs(name):
        shape, dtype = CALLS[name][output].shape, CALLS[name][output].dtype
        size = CALLS[name][output].nbytes
        memory = np.zeros(value.nbytes + size + 8, np.uint8)
        inside = memory[: value.nbytes].view(value.dtype).reshape(value.shape)
        over = memory[8 : 8 + size].view(dtype).reshape(shape)
        with pytest.raises(ValueError, match=f"^{output} must not share memory with {argument}$"):
            call(name, **{argument: inside, output: over})


def test_the_two_outputs_of_a_leaf_are_apart():
    both = array(2, 4)
    with pytest.raises(ValueError, match="less must not share memory with equal"):
        call("compare_leaf", less=both, equal=both)


THREADED = [name for name in CALLS if "threads" in kernel(name).__doc__.partition("->")[0]]


def test_most_kernels_take_threads():
    assert len(THREADED) > 25
    assert {"z2k_matmul", "rss_conv2d", "compare_leaf", "Keystream.bytes"} <= set(THREADED)


@pytest.mark.parametrize("name", THREADED)
@pytest.mark.parametrize(
    ("threads", "error"), [(0, ValueError), (-1, ValueError), (2**70, ValueError), (1.0, TypeError), (True, TypeError)]
)
def test_threads(name, threads, error):
    with pytest.raises(error, match=r"^threads must be"):
        call(name, threads=threads)


CHOOSING = [
    name for name in CALLS if name.startswith(("z2k", "field", "rss", "round")) and not name.endswith("_packed")
]


@pytest.mark.parametrize("name", CHOOSING)
@pytest.mark.parametrize(
    ("isa", "error"), [("avx1024", ValueError), ("", ValueError), (None, TypeError), (2, TypeError)]
)
def test_isa(name, isa, error):
    with pytest.raises(error, match=r"^isa must be"):
        call(name, isa=isa)


@pytest.mark.parametrize("isa", sorted({"neon", "avx2", "avx512"} - set(_core.available_isas())))
def test_an_isa_that_is_not_here(isa):
    with pytest.raises(ValueError, match=f"isa '{isa}' is not available"):
        call("z2k_mul", isa=isa)


@pytest.mark.parametrize("name", [name for name in CALLS if "prime" in CALLS[name]])
@pytest.mark.parametrize(
    ("prime", "error"),
    [(p, ValueError) for p in (-3, 0, 1, 2, 4, 2**61, 2**62 + 1, 2**64 + 3)]
    + [(p, TypeError) for p in (3.0, "3", None, True)],
)
def test_prime(name, prime, error):
    with pytest.raises(error, match=r"^prime must be"):
        call(name, prime=prime)


@pytest.mark.parametrize("name", ["bits_pack", "bits_unpack"])
@pytest.mark.parametrize(("width", "error"), [(0, ValueError), (65, ValueError), (-1, ValueError), (8.0, TypeError)])
def test_width(name, width, error):
    with pytest.raises(error, match=r"^width must be"):
        call(name, width=width)


@pytest.mark.parametrize("count", [0, 65])
def test_number_of_planes(count):
    with pytest.raises(ValueError, match="planes must have from 1 to 64 planes"):
        call("bits_to_planes", planes=array(count, 2))


@pytest.mark.parametrize("name", [name for name in CALLS if "conv2d" in name or "sumpool" in name])
@pytest.mark.parametrize(
    ("stride", "error"),
    [
        ((0, 1), ValueError),
        ((1, -1), ValueError),
        ((1,), ValueError),
        ((1, 1, 1), ValueError),
        (1, ValueError),
        ("11", ValueError),
        ((1, 2.0), TypeError),
    ],
)
def test_stride(name, stride, error):
    with pytest.raises(error, match=r"^stride must be"):
        call(name, stride=stride)


@pytest.mark.parametrize("name", [name for name in CALLS if "conv2d" in name])
@pytest.mark.parametrize("padding", [(0, 0), (0, 0, 0, -1), (0, 0, 0, 2**40), None])
def test_padding(name, padding):
    with pytest.raises(ValueError, match=r"^padding must be"):
        call(name, padding=padding)


@pytest.mark.parametrize("name", ["z2k_conv2d", "field_conv2d"])
def test_an_empty_kernel(name):
    with pytest.raises(ValueError, match=r"^w must be at least 1 x 1"):
        call(name, w=array(0, 3, 2, 2), out=array(1, 5, 2, 2))


@pytest.mark.parametrize("constant", [1, 0, None, "yes"])
def test_constant(constant):
    with pytest.raises(TypeError, match=r"^constant must be a bool"):
        call("compare_leaf", constant=constant)


def test_errors_show_shapes_but_no_elements():
    secret = np.full((2, 2), 1234567890123456789, np.uint64)
    with pytest.raises(TypeError) as error:
        call("z2k_matmul", a=secret.astype(np.int64))
    assert "1234567890123456789" not in str(error.value)
    with pytest.raises(ValueError, match="outside") as error:
        call("field_add", a=secret, b=secret, out=secret.copy())
    assert "1234567890123456789" not in str(error.value)
