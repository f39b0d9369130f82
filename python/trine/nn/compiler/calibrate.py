"""How large the values of a model really become, on its owner's own samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trine.errors import InputError, ShapeError
from trine.nn.compiler.rewrite import rewrite
from trine.nn.model import CHUNK, Model, Range
from trine.ring.fixed import real_array

__all__ = ["calibrate"]


def calibrate(model: Model, samples: npt.ArrayLike, margin: float = 4.0) -> Model:
    """Declare how large each value of a model becomes, from what it is on samples; run by the owner, in the clear.

    Without it, the plan's widths are proven from the declared input range alone: safe for every input, and for deep
    models far too wide, or beyond what 63 bits hold. With it they hold for inputs like the samples, with a margin: an
    input on which some value grows beyond ``margin`` times the largest seen gets a wrong answer, and nobody notices.
    So calibrate on many inputs of every kind that clients will send. What is declared becomes public with the plan
    (about five bits a layer).

    Args:
        model: the model.
        samples: inputs (N, ``*input_shape``), as of :meth:`Model.predict`.
        margin: how many times larger than on the samples a value may become.

    Returns:
        the model, rewritten as it will be computed, with its ``ranges``.

    Raises:
        InputError: a margin below 1.
        ShapeError: the samples are no batch of inputs, or none; DtypeError, NotFiniteError: as :meth:`Model.predict`.
    """
    inputs = real_array(samples)
    if inputs.shape[1:] != model.input_shape or not len(inputs):
        raise ShapeError(f"samples must have shape (N, {', '.join(map(str, model.input_shape))}), got {inputs.shape}")
    if not margin >= 1.0:
        raise InputError(f"margin must be at least 1, got {margin!r}")
    form = rewrite(model)
    largest = np.zeros(len(form.shapes))
    for start in range(0, len(inputs), CHUNK):
        values = form.values(inputs[start : start + CHUNK])
        largest = np.maximum(largest, [np.abs(value).max() for value in values])
    ranges: list[Range] = [(-float(bound), float(bound)) for bound in largest * margin + 2.0**-10]
    ranges[0] = model.input_range
    return Model(
        form.nodes,
        form.input_shape,
        form.input_range,
        input_axes=form.input_axes,
        output_axes=form.output_axes,
        ranges=ranges,
    )
