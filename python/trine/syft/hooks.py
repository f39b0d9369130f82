"""PySyft's hooks: give Keras and torch models the methods ``share``, ``serve`` and ``stop``, and take them back."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

from trine.cluster import Cluster, Service
from trine.errors import ClusterError, InputError, UnknownModelError, UnsupportedModelError
from trine.nn import from_keras
from trine.syft.workers import TFECluster

__all__ = ["KerasHook", "TorchHook"]


@dataclass(frozen=True)
class _Shared:
    """A model on a cluster."""

    service: Service
    cluster: TFECluster
    started: Cluster

    @property
    def alive(self) -> bool:
        """Whether the workers have not been ended since: those that somebody else runs keep their models."""
        return not self.cluster.auto_managed or self.cluster.running is self.started


# By the user's model, which is left as it is.
_SHARED: WeakKeyDictionary[Any, _Shared] = WeakKeyDictionary()


class _Hook:
    """Methods on a class that somebody else has written."""

    def __init__(self, kind: type, methods: dict[str, Callable[..., None]]) -> None:
        # Models of Keras on torch are torch modules, too: they may have inherited what the other hook has added.
        if any(getattr(kind, name, None) not in (None, *_ADDED) for name in methods):
            raise InputError(
                f"{kind.__module__}.{kind.__name__} has a method {' or '.join(methods)} of its own, "
                "which is not replaced: use trine.Cluster.share instead"
            )
        self._kind, self._methods = kind, methods
        for name, method in methods.items():
            setattr(kind, name, method)

    def unhook(self) -> None:
        """Take the methods away again, also if another hook has added them; does nothing if they are gone."""
        for name, method in self._methods.items():
            if vars(self._kind).get(name) is method:
                delattr(self._kind, name)

    def __enter__(self) -> _Hook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unhook()


class KerasHook(_Hook):
    """Gives all Keras models ``share(cluster)``, ``serve(num_requests=None)`` and ``stop()``.

    Doing so again changes nothing; :meth:`unhook`, or the end of a ``with`` block, takes the methods away again.

    Args:
        keras: the module ``keras``, of version 3.

    Raises:
        InputError: this is no such module, or its models have such methods of their own.
    """

    def __init__(self, keras: Any) -> None:
        super().__init__(_class(keras, "keras", "Model"), {"share": _share_keras, "serve": _serve, "stop": _stop})


class TorchHook(_Hook):
    """Gives all torch modules ``share(cluster, input_shape=...)``, ``serve(num_requests=None)`` and ``stop()``.

    Doing so again changes nothing; :meth:`unhook`, or the end of a ``with`` block, takes the methods away again.

    Args:
        torch: the module ``torch``.

    Raises:
        InputError: this is no such module, or its models have such methods of their own.
    """

    def __init__(self, torch: Any) -> None:
        kind = _class(getattr(torch, "nn", None), "torch", "Module")
        super().__init__(kind, {"share": _share_torch, "serve": _serve, "stop": _stop})


def _class(module: Any, framework: str, name: str) -> type:
    kind = getattr(module, name, None)
    if not isinstance(kind, type):
        raise InputError(f"the hook takes the module itself: import {framework}, then pass {framework}")
    return kind


def _share_keras(
    model: Any, cluster: TFECluster, name: str = "model", input_range: tuple[float, float] = (0.0, 1.0)
) -> None:
    """Split this model's weights among a cluster's workers; none of them can tell anything from its part.

    Args:
        cluster: has been started.
        name: what clients call it, if several models are shared.
        input_range: the public range (least, greatest) of every input value.

    Raises:
        InputError: the model cannot be run (UnsupportedModelError names each layer), the name is taken, or this model
            is shared already.
        ClusterError: the cluster has not been started.
        NetworkError: a worker cannot be reached.
    """
    _share(model, cluster, name, lambda: from_keras(model, input_range))


def _share_torch(
    module: Any,
    cluster: TFECluster,
    input_shape: Sequence[int] | None = None,
    name: str = "model",
) -> None:
    """Split this module's weights among a cluster's workers; none of them can tell anything from its part.

    Args:
        cluster: has been started.
        input_shape: shape of one input as torch has it, without a batch axis: (1, 28, 28).
        name: what clients call it, if several models are shared.

    Raises:
        InputError: ``input_shape`` is missing, the module cannot be run (UnsupportedModelError says why), the name is
            taken, or this module is shared already.
        ClusterError: the cluster has not been started.
        NetworkError: a worker cannot be reached.
    """
    if input_shape is None:
        raise InputError(
            "a torch module does not say what it takes: share(cluster, input_shape=(1, 28, 28)), without a batch axis"
        )
    _share(module, cluster, name, lambda: _from_torch()(module, tuple(input_shape)))


def _share(model: Any, cluster: TFECluster, name: str, convert: Callable[[], Any]) -> None:
    if not isinstance(cluster, TFECluster):
        raise InputError(f"share(cluster) takes a TFECluster, not a {type(cluster).__name__}")
    started = cluster.running
    if started is None:
        raise ClusterError("the cluster has not been started, or has been stopped: cluster.start() comes first")
    if model in _SHARED and _SHARED[model].alive:
        raise InputError("this model is shared already: model.stop() comes first")
    _SHARED[model] = _Shared(started.share(convert(), name), cluster, started)


def _serve(model: Any, num_requests: int | None = None) -> None:
    """Let clients query the model, and return when the agreed requests have been answered. Ctrl-C ends the waiting.

    Args:
        num_requests: how many queries are answered; None for as many as come.

    Raises:
        InputError: ``num_requests`` is not a positive integer.
        UnknownModelError: the model is not shared.
        NetworkError: a worker cannot be reached any more.
    """
    shared = _SHARED.get(model)
    if shared is None or not shared.alive:
        raise UnknownModelError("this model is not shared: model.share(cluster) comes first")
    shared.service.serve(num_requests)


def _stop(model: Any) -> None:
    """Make the workers forget the model; does nothing if it is not shared.

    Raises:
        NetworkError: a worker cannot be reached; the others have forgotten it all the same.
    """
    shared = _SHARED.pop(model, None)
    if shared is not None and shared.alive:
        try:
            shared.service.stop()
        finally:
            if shared.cluster.running is not shared.started:
                shared.started.stop()  # connections that the cluster's own stop had closed, opened again for this


# Whatever a hook may have added.
_ADDED = (_share_keras, _share_torch, _serve, _stop)


def _from_torch() -> Callable[..., Any]:
    """The importer of torch modules."""
    importer: Callable[..., Any] | None = getattr(importlib.import_module("trine.nn"), "from_torch", None)
    if importer is None:
        raise UnsupportedModelError("this version of trine does not take torch modules over: share a Keras model")
    return importer
