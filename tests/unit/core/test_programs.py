"""Whole protocols refuse what does not fit before they begin; what they do is tested with the mesh."""

import copy
import pickle

import numpy as np
import pytest

from trine import _core
from trine.mpc import LocalSession
from trine.mpc.compare import draw_rectify, draw_sign_products
from trine.mpc.truncation import draw_truncation

COUNT = 70
SEED = bytes(range(16))


def words(count=COUNT):
    return np.zeros(count, np.uint64)


def dealt(party, random):
    yield from random.deal(party)
    return random


def drawn(party, draw, *args, **options):
    local = LocalSession(SEED)
    random = local.each(lambda one: draw(one, (COUNT,), *args, **options))
    return local.call(dealt, random)[party]


def calls(party):
    """One good call of each, with randomness and without."""
    generators = LocalSession(SEED)._parties[party].generators
    common = {"party": party, "keys": generators, "a": words(), "b": words()}
    formats = {"shift": 4, "width": 20, "out_width": 30}
    truncation = drawn(party, draw_truncation, 4, 20, 30, additive=True).arrays
    rectified = drawn(party, draw_rectify, 4, 20, 30, additive=True)
    sign = drawn(party, draw_sign_products, 20, 30, 2).arrays
    both = {**common, "x": [words(), words()], "values": [words(2 * COUNT), words(2 * COUNT)]}
    both |= {"a": words(2 * COUNT), "b": words(2 * COUNT), "width": 20, "out_width": 30}
    return [
        ("truncate_program", {**common, **formats, "x": [words()], "truncation": truncation}),
        ("truncate_program", {**common, **formats, "x": [words()], "truncation": None}),
        (
            "rectify_program",
            {
                **common,
                **formats,
                "x": [words()],
                "truncation": rectified.truncation.arrays,
                "sign": rectified.sign.arrays,
            },
        ),
        ("rectify_program", {**common, **formats, "x": [words()], "truncation": None, "sign": None}),
        ("sign_products_program", {**both, "sign": sign}),
        ("sign_products_program", {**both, "sign": None}),
    ]


ALL = [pytest.param(name, given, id=f"{name}-{party}") for party in range(3) for name, given in calls(party)]


def refused(name, given, error, **change):
    with pytest.raises(error) as caught:
        getattr(_core, name)(**{**given, **change})
    return str(caught.value)


@pytest.mark.parametrize(("name", "given"), ALL)
def test_a_good_call_is_good(name, given):
    program = getattr(_core, name)(**given)
    with pytest.raises(TypeError):
        pickle.dumps(program)
    with pytest.raises(TypeError):
        copy.copy(program)


@pytest.mark.parametrize(("name", "given"), ALL)
def test_numbers(name, given):
    for argument, arrays in given.items():
        if argument in ("x", "values"):
            assert argument in refused(name, given, TypeError, **{argument: [array.view(np.int64) for array in arrays]})
            assert argument in refused(name, given, ValueError, **{argument: [array[::2] for array in arrays]})
            assert argument in refused(name, given, ValueError, **{argument: 3 * arrays})
            assert argument in refused(name, given, TypeError, **{argument: 5})
            if arrays[0].size == given["a"].size:
                assert "share memory" in refused(name, given, ValueError, a=arrays[0])
    assert "a must" in refused(name, given, ValueError, a=words(COUNT + 1))
    assert "share memory" in refused(name, given, ValueError, b=given["a"])
    frozen = given["b"].copy()
    frozen.flags.writeable = False
    assert "writable" in refused(name, given, ValueError, b=frozen)


@pytest.mark.parametrize(("name", "given"), ALL)
def test_formats_and_keys(name, given):
    assert "party" in refused(name, given, ValueError, party=3)
    assert "keys" in refused(name, given, ValueError, keys=given["keys"][:2])
    assert "keys" in refused(name, given, TypeError, keys=(b"", b"", b""))
    assert "out_width" in refused(name, given, ValueError, out_width=65)
    assert "width" in refused(name, given, ValueError, width=0)
    if "shift" in given:
        for shift, width in ((20, 20), (1, 64)):
            assert "shift < width <= 63" in refused(name, given, ValueError, shift=shift, width=width)


@pytest.mark.parametrize(("name", "given"), ALL)
def test_randomness_of_another_size(name, given):
    """Each array in turn is too short by a word, or missing, or one that the party does not have."""
    for argument in ("truncation", "sign"):
        arrays = given.get(argument)
        for i, array in enumerate(arrays or []):
            if (name, argument) == ("rectify_program", "sign") and i < 2:
                continue  # the mask is the truncation's
            changes = [words(1)] if array is None else [array.reshape(-1)[:-1].copy()] * (array.size > 0)
            for changed in changes:
                message = refused(name, given, ValueError, **{argument: [*arrays[:i], changed, *arrays[i + 1 :]]})
                assert argument in message or "does not fit" in message
        if arrays:
            assert argument in refused(name, given, ValueError, **{argument: arrays[:5]})
            if argument == "sign":
                assert "fit" in refused(name, given, ValueError, sign=[*arrays, words()])


def test_randomness_comes_whole():
    name, given = calls(0)[2]
    assert "both" in refused(name, given, ValueError, sign=None)
    assert "both" in refused(name, given, ValueError, truncation=None)
    undealt = [*given["truncation"][:5], None, None]
    assert "dealt" in refused(name, given, ValueError, truncation=undealt)
