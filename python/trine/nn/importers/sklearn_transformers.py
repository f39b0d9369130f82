"""scikit-learn's scalers, PCA and column transformers, as linear maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from trine.errors import UnsupportedModelError
from trine.nn.importers.sklearn_chain import Chain, LinearMap
from trine.nn.importers.sklearn_steps import look_up, steps_of
from trine.nn.layers import Clip

__all__ = ["TRANSFORMERS"]


def standard(chain: Chain, scaler: Any, place: str) -> None:
    """(x - mean) / deviation."""
    mean = scaler.mean_ if scaler.with_mean else 0.0
    deviation = scaler.scale_ if scaler.with_std else 1.0
    chain.change(LinearMap(chain.map.weights / deviation, (chain.map.shift - mean) / deviation))


def min_max(chain: Chain, scaler: Any, place: str) -> None:
    """To a range, and clipped to it if so asked."""
    chain.change(chain.map.scaled(scaler.scale_, scaler.min_))
    if scaler.clip:
        chain.settle(place)
        chain.append(Clip(*map(float, scaler.feature_range)))


def max_abs(chain: Chain, scaler: Any, place: str) -> None:
    """By the largest size."""
    if getattr(scaler, "clip", False):
        raise UnsupportedModelError(f"{place}: clip=True")
    chain.change(LinearMap(chain.map.weights / scaler.scale_, chain.map.shift / scaler.scale_))


def robust(chain: Chain, scaler: Any, place: str) -> None:
    """(x - median) / range between quantiles."""
    center = scaler.center_ if scaler.with_centering else 0.0
    scale = scaler.scale_ if scaler.with_scaling else 1.0
    chain.change(LinearMap(chain.map.weights / scale, (chain.map.shift - center) / scale))


def pca(chain: Chain, model: Any, place: str) -> None:
    """Projection on the principal components, to unit variance if so asked."""
    components = np.asarray(model.components_, np.float64)
    if model.whiten:
        deviation = np.sqrt(model.explained_variance_)
        components = components / np.maximum(deviation, np.finfo(deviation.dtype).eps)[:, np.newaxis]
    chain.change(chain.map.then(components.T, -np.asarray(model.mean_) @ components.T))


def columns(chain: Chain, transformer: Any, place: str) -> None:
    """Parts of the columns, each through a transformer of its own, side by side."""
    names = list(getattr(transformer, "feature_names_in_", []))
    whole, parts = chain.map, []
    nodes = len(chain.nodes)
    for name, part, chosen in transformer.transformers_:
        if part == "drop":
            continue
        places = _places(chosen, names, transformer.n_features_in_)
        chain.change(LinearMap(whole.weights[:, places], whole.shift[places]))
        _apply(chain, part, f"{place}, {name!r}")
        if len(chain.nodes) != nodes:
            raise UnsupportedModelError(f"{place}, {name!r}: clip=True within a ColumnTransformer")
        weight = (transformer.transformer_weights or {}).get(name, 1.0)
        parts.append(chain.map.scaled(weight, 0.0))
    if not parts:
        raise UnsupportedModelError(f"{place}: it drops every column")
    chain.change(LinearMap(np.hstack([p.weights for p in parts]), np.concatenate([p.shift for p in parts])))


def function(chain: Chain, transformer: Any, place: str) -> None:
    """Only the one that changes nothing, which "passthrough" stands for."""
    if transformer.func is not None:
        raise UnsupportedModelError(f"{place}: a FunctionTransformer with a function")


def _apply(chain: Chain, transformer: Any, place: str) -> None:
    """One transformer, or a pipeline of them.

    Raises:
        UnsupportedModelError: it is of another kind, or has an option that is not supported.
    """
    if isinstance(transformer, str) and transformer == "passthrough":
        return
    for step, where in steps_of(transformer, place):
        look_up(TRANSFORMERS, step, where)(chain, step, where)


def _places(chosen: Any, names: list[str], count: int) -> Any:
    """What a ColumnTransformer's choice of columns stands for, as integers."""
    if isinstance(chosen, slice):
        if any(isinstance(end, str) for end in (chosen.start, chosen.stop)):
            start = names.index(chosen.start) if chosen.start is not None else None
            stop = names.index(chosen.stop) + 1 if chosen.stop is not None else None  # names include their end
            chosen = slice(start, stop, chosen.step)
        return np.arange(count)[chosen]
    chosen = [chosen] if np.ndim(chosen) == 0 else list(chosen)
    if chosen and all(isinstance(one, (bool, np.bool_)) for one in chosen):
        return np.flatnonzero(chosen)
    return np.array([names.index(one) if isinstance(one, str) else one for one in chosen], np.intp) % count


# By class name: scikit-learn's module that has it, and how it is taken over.
TRANSFORMERS: dict[str, tuple[str, Callable[[Chain, Any, str], None]]] = {
    "ColumnTransformer": ("compose", columns),
    "FunctionTransformer": ("preprocessing", function),
    "MaxAbsScaler": ("preprocessing", max_abs),
    "MinMaxScaler": ("preprocessing", min_max),
    "PCA": ("decomposition", pca),
    "RobustScaler": ("preprocessing", robust),
    "StandardScaler": ("preprocessing", standard),
}
