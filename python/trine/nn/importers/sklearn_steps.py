"""What a scikit-learn pipeline is made of, step by step, and where in it each step is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trine.errors import InputError, UnsupportedModelError

__all__ = ["is_of", "look_up", "steps_of"]

SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
IMPUTE = "a private input is a number, never missing: impute before you ask"
ENCODE = "a private input is numbers: encode categories before you ask"
HINTS = {
    "KNNImputer": IMPUTE,
    "OneHotEncoder": ENCODE,
    "OrdinalEncoder": ENCODE,
    "SimpleImputer": IMPUTE,
}


def is_of(estimator: object, module: str) -> bool:
    """Whether this is a class of scikit-learn's own: a subclass may compute something else."""
    return f"{type(estimator).__module__}.".startswith(f"sklearn.{module}.")


def steps_of(estimator: Any, place: str) -> Iterator[tuple[Any, str]]:
    """The estimators that are applied one after the other, each with its place.

    Raises:
        InputError: something is not fitted.
        UnsupportedModelError: a search has no best estimator.
    """
    kind = type(estimator).__name__
    if kind in SEARCHES and is_of(estimator, "model_selection"):
        if not hasattr(estimator, "best_estimator_"):
            reason = "refit=False leaves no estimator" if not estimator.refit else "it is not fitted yet"
            raise InputError(f"{place or kind}: {reason}")
        yield from steps_of(estimator.best_estimator_, place)
    elif kind == "Pipeline" and is_of(estimator, "pipeline"):
        for index, (name, step) in enumerate(estimator.steps):
            if step is not None and step != "passthrough":
                where = f"step {index}, {name!r}"
                yield from steps_of(step, f"{place}, {where}" if place else where)
    else:
        yield estimator, f"{place} ({kind})" if place else kind


def look_up(table: dict[str, tuple[str, Any]], estimator: object, place: str) -> Any:
    """What a table of class names, each with its module and an entry, has for an estimator.

    Raises:
        UnsupportedModelError: nothing.
    """
    kind = type(estimator).__name__
    if kind in table and is_of(estimator, table[kind][0]):
        return table[kind][1]
    hint = HINTS.get(kind)
    bases = [base.__name__ for base in type(estimator).__mro__[1:] if base.__name__ in table]
    if bases:
        hint = f"a subclass of {bases[0]}, which may compute something else"
    raise UnsupportedModelError(f"{place} is not supported{f': {hint}' if hint else ''}")
