"""Takes over a model trained with scikit-learn, from memory."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from trine.errors import InputError, MissingExtraError, ShapeError, UnsupportedModelError
from trine.nn.importers.sklearn_chain import Chain
from trine.nn.importers.sklearn_estimators import ESTIMATORS, OUTPUTS
from trine.nn.importers.sklearn_steps import is_of, look_up, steps_of
from trine.nn.importers.sklearn_transformers import TRANSFORMERS
from trine.nn.layers import ArgMax, Array, InputRanges, Trees
from trine.nn.model import Model
from trine.ring.fixed import real_array

__all__ = ["from_sklearn"]

# What every input is brought to, in size: products want weights and inputs of like sizes, comparisons fine steps, and
# products whose results are compared something in between.
PRODUCT_SIZE, MIXED_SIZE, TEST_SIZE = 4.0, 64.0, 16384.0
PROBES = 32
ALIKE = 1e-6  # of what is compared, relative to the largest
APART = 1e-6  # scores that are closer than this may be taken for equal


def from_sklearn(
    estimator: Any,
    input_range: tuple[npt.ArrayLike, npt.ArrayLike],
    *,
    output: str | None = None,
    complete_trees: bool | None = None,
) -> Model:
    """The same model, in trine's layers, which takes the rows of numbers that the estimator takes.

    What it answers, a row of numbers for a row, or with ``"label"`` a number:

    - regressors: what ``predict`` answers.
    - classifiers: ``output="probabilities"``, as ``predict_proba``, where there is one (the default there);
      ``"scores"``, as ``decision_function``, or what an MLP's softmax takes; or ``"label"``: the number of the
      predicted class, its place in ``classes_``. The label is found on shares, and nothing else leaves.
    - k-means: ``"label"``, the number of the nearest center, found on shares, or ``"squared_distances"``, the
      squares of what ``transform`` answers.
    - scalers and PCA, and pipelines that end in one: what ``transform`` answers.

    Pipelines, column transformers and grid searches are taken apart. Scalers and PCA are folded into the weights or
    thresholds behind them and are as secret as those. Number of trees and their shapes are public; trees of at most
    five levels are completed, so that the number of levels is all that is to be seen. Class names stay with you.

    The model is compared with the estimator on random inputs of the range before it is returned. Nothing is unpickled:
    ``estimator`` is a live object, and what loading one from a file can do has happened by then.

    Args:
        estimator: fitted.
        input_range: (least, greatest) of what inputs can be: two numbers, or two arrays with a number for each feature.
            It is public, and a client's input outside of it is refused: choose it by what the features can be, not by
            what they were in your data, or widen the data's. Each feature is encoded with a precision of about
            2^-18 of its range (2^-31 where trees test it). Where features differ in scale, give arrays.
        output: see above.
        complete_trees: whether to complete all trees to those of one depth (which doubles their size with each level);
            None leaves it to their depth.

    Raises:
        UnsupportedModelError: it holds what trine cannot run; names the step, and what is supported.
        InputError: it is not fitted, or an argument makes no sense.
        MissingExtraError: scikit-learn is not installed.
    """
    if output is not None and output not in OUTPUTS:
        raise InputError(f"output must be one of {', '.join(OUTPUTS)}, got {output!r}")
    _check_fitted(estimator)
    low, high = _ranges(input_range, estimator.n_features_in_)
    try:
        model, chosen = _built(estimator, InputRanges(low, high, PRODUCT_SIZE), output, complete_trees)
        if any(isinstance(layer, Trees) for layer in model.layers):
            ranges = InputRanges(low, high, MIXED_SIZE)
            if isinstance(model.layers[1], Trees):
                *_, (last, _) = steps_of(estimator, "")
                ranges = InputRanges(low, high, TEST_SIZE, not type(last).__name__.startswith("Hist"))
            model, chosen = _built(estimator, ranges, output, complete_trees)
    except UnsupportedModelError as error:
        known = ", ".join([*ESTIMATORS, *TRANSFORMERS, "Pipeline", "GridSearchCV and its like"])
        raise UnsupportedModelError(f"the model cannot be run privately: {error}\nsupported: {known}") from None
    _compare(model, chosen, estimator, low, high)
    return model


def _built(estimator: Any, ranges: InputRanges, output: str | None, complete: bool | None) -> tuple[Model, str]:
    """The model, and which output it has."""
    chain = Chain(ranges, complete)
    *before, (last, place) = steps_of(estimator, "")
    for step, where in before:
        look_up(TRANSFORMERS, step, where)(chain, step, where)
    kind = type(last).__name__
    if kind in TRANSFORMERS and is_of(last, TRANSFORMERS[kind][0]):
        if output is not None:
            raise UnsupportedModelError(f"{place}: output={output!r}; it only transforms")
        TRANSFORMERS[kind][1](chain, last, place)
        chain.settle(place)
        chosen = "transformed"
    else:
        chosen = look_up(ESTIMATORS, last, place)(chain, last, place, output)
    spread = float(ranges.low.min()), float(ranges.high.max())
    return Model(
        chain.nodes, (len(ranges.low),), spread if spread[0] < spread[1] else (spread[0] - 1, spread[1])
    ), chosen


def _check_fitted(estimator: Any) -> None:
    try:
        from sklearn.base import BaseEstimator
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted
    except ImportError as error:
        raise MissingExtraError(f"scikit-learn cannot be imported ({error}): pip install 'trine[sklearn]'") from error
    if not isinstance(estimator, BaseEstimator):
        raise InputError(f"expected a fitted scikit-learn estimator, got a {type(estimator).__name__}")
    try:
        check_is_fitted(estimator)
        estimator.n_features_in_  # noqa: B018  # a search that was not refitted has none
    except (NotFittedError, AttributeError):
        raise InputError(f"{type(estimator).__name__} is not fitted yet, or was fitted without refit=True") from None


def _ranges(input_range: tuple[npt.ArrayLike, npt.ArrayLike], features: int) -> tuple[Array, Array]:
    try:
        low, high = (real_array(bound) for bound in input_range)
    except (TypeError, ValueError) as error:
        raise InputError(f"input_range must be (least, greatest), numbers or arrays: {error}") from None
    for bound in (low, high):
        if bound.shape not in ((), (features,)):
            raise ShapeError(f"input_range must be numbers or arrays of {features}, one a feature, got {bound.shape}")
    low, high = (np.broadcast_to(bound, features).copy() for bound in (low, high))
    if not (low <= high).all() or low.min() == high.max():
        raise InputError("input_range must be (least, greatest), the least at most the greatest for every feature")
    return low, high


def _compare(model: Model, chosen: str, estimator: Any, low: Array, high: Array) -> None:
    """Holds a model against what it was made of, on random inputs.

    scikit-learn's formulas depend on its version and on options; one that is not known here must not go unnoticed.
    """
    probes = np.random.default_rng(0).uniform(low, high, (PROBES, len(low)))
    named = _frame(probes, estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = _answers(estimator, chosen, named)
    if expected is None:
        return
    answers = model.predict(probes).reshape(PROBES, -1)
    expected = np.asarray(expected, np.float64).reshape(PROBES, -1)
    sure = np.isfinite(expected).all(axis=1)
    if chosen == "probabilities":  # where all of a row's sigmoids underflow, scikit-learn makes them equal
        sure &= (expected != expected[:, :1]).any(axis=1)
    if chosen == "label" and isinstance(model.layers[-1], ArgMax):
        scores = np.sort(model.values(probes)[-2], axis=1)
        sure &= scores[:, -1] - scores[:, -2] > APART * np.abs(scores).max(initial=1.0)
    scale = max(np.abs(expected[sure]).max(initial=0.0), np.finfo(np.float64).tiny)
    if expected.shape != answers.shape or (np.abs(expected - answers)[sure] > ALIKE * scale).any():
        raise UnsupportedModelError(
            f"{type(estimator).__name__} answers random inputs otherwise than trine's layers would: "
            "this combination of options and version of scikit-learn is not supported"
        )


def _frame(x: Array, estimator: Any) -> Any:
    """Inputs in the form that the estimator was fitted on: with the names of their columns, where it knows them."""
    if not hasattr(estimator, "feature_names_in_"):
        return x
    try:
        from pandas import DataFrame
    except ImportError:  # it was another library's, and all but column transformers take an array too
        return x
    return DataFrame(x, columns=estimator.feature_names_in_)


def _answers(estimator: Any, chosen: str, x: Any) -> Any:
    """What scikit-learn answers; None where it has no method for it (an MLP's scores)."""
    if chosen == "label":
        found = estimator.predict(x)
        classes = getattr(estimator, "classes_", None)
        return found if classes is None or np.ndim(found) > 1 else np.searchsorted(classes, found)
    if chosen == "scores":
        return estimator.decision_function(x) if hasattr(estimator, "decision_function") else None
    if chosen == "squared_distances":
        return estimator.transform(x) ** 2
    methods = {"prediction": "predict", "probabilities": "predict_proba", "transformed": "transform"}
    return getattr(estimator, methods[chosen])(x)
