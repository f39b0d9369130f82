"""The models of which this party holds a share, and how many queries each of them may still answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from trine.cluster.preparation import Stock
from trine.cluster.wire import ModelStatus
from trine.errors import InputError, NotServingError, RequestLimitError, UnknownModelError
from trine.nn.plan import Plan
from trine.nn.steps import Tensor

__all__ = ["Models", "SharedModel"]


@dataclass(repr=False)
class SharedModel:
    """One model: its public plan, this party's shares of its tensors, its counters, and what is ready for queries."""

    name: str
    share: str
    plan: Plan
    weights: list[Tensor]
    serving: bool = False
    num_requests: int | None = None
    admitted: int = 0
    finished: int = 0
    stock: Stock = field(default_factory=Stock)

    def serve(self, num_requests: int | None) -> None:
        """Answer queries from now on, so many at most; counts anew."""
        self.serving, self.num_requests = True, num_requests
        self.admitted = self.finished = 0

    def check_open(self) -> None:
        """Raise NotServingError or RequestLimitError if one more query may not be answered."""
        if not self.serving:
            raise NotServingError(f"the model {self.name!r} is shared but is not being served yet")
        if self.num_requests is not None and self.admitted >= self.num_requests:
            raise RequestLimitError(
                f"the {self.num_requests} requests for which the model {self.name!r} is served are used up"
            )

    def admit(self) -> None:
        """Count one more query; errors as in :meth:`check_open`."""
        self.check_open()
        self.admitted += 1

    def status(self) -> ModelStatus:
        """What may be said of it."""
        return ModelStatus(
            self.share, self.plan.to_json(), self.serving, self.num_requests, self.admitted, self.finished
        )

    def __repr__(self) -> str:
        return f"SharedModel({self.name!r})"


class Models:
    """This party's shared models by name."""

    def __init__(self) -> None:
        self._models: dict[str, SharedModel] = {}

    def all(self) -> list[SharedModel]:
        """All of them."""
        return list(self._models.values())

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._models)

    def add(self, model: SharedModel) -> None:
        """Keep a model.

        Raises:
            InputError: the name is taken.
        """
        if model.name in self._models:
            raise InputError(
                f"a model named {model.name!r} is already shared here: stop it first, or choose another name"
            )
        self._models[model.name] = model

    def get(self, name: str, share: str | None = None) -> SharedModel:
        """The model of that name.

        Args:
            share: if given, it must be this sharing of it.

        Raises:
            UnknownModelError: there is none, or it is another sharing by now.
        """
        model = self._models.get(name)
        if model is None:
            known = ", ".join(map(repr, self.names())) or "none"
            raise UnknownModelError(f"no model named {name!r} is shared here; shared are: {known}")
        if share is not None and model.share != share:
            raise UnknownModelError(f"the model {name!r} has been stopped and shared anew: connect again")
        return model

    def remove(self, name: str, share: str | None = None) -> None:
        """Forget a model and its shares; errors as in :meth:`get`."""
        del self._models[self.get(name, share).name]
