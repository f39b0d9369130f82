"""What owners, clients and parties write to each other over HTTPS: bodies, names, and errors as JSON.

======  ===========================================  =============  ==================================================
method  path                                         who            body -> answer
======  ===========================================  =============  ==================================================
GET     /healthz                                     any role       -> {"party", "version", "missing": [parties]}
GET     /v1/models                                   owner, client  -> {"models": [names]}
GET     /v1/models/{name}                            owner, client  -> :class:`ModelStatus`
PUT     /v1/models/{name}?share=                     owner          :func:`pack_model` ->
POST    /v1/models/{name}/serve?share=               owner          {"num_requests": a number or null} ->
DELETE  /v1/models/{name}?share=                     owner          ->
POST    /v1/models/{name}/queries/{id}?share=&batch= client         share of the input -> share of the output
======  ===========================================  =============  ==================================================

``share`` is the random name of one sharing of a model, chosen by its owner, so that shares of two are never combined.
An error is ``{"error": type, "message": text, "party": number}``: the party to blame, or else the one that answers.
"""

from __future__ import annotations

import json
import re
import secrets
import struct
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from trine import errors
from trine.errors import InputError, PartyLostError, PartyTimeoutError, ProtocolError, TrineError

__all__ = [
    "COST_HEADER",
    "MAX_BATCH",
    "ModelStatus",
    "PartyCost",
    "check_model_name",
    "error_from_json",
    "error_to_json",
    "is_identifier",
    "new_identifier",
    "pack_model",
    "status_code",
    "unpack_model",
]

# Inputs in one query: keeps what one query takes of a party's memory and time within reason.
MAX_BATCH = 1024
# Carries a PartyCost beside the binary answer to a query.
COST_HEADER = "trine-cost"

_STATUS_CODES = (
    (errors.AccessDeniedError, 403),
    (errors.UnknownModelError, 404),
    (errors.NotServingError, 409),
    (errors.RequestLimitError, 429),
    (errors.BusyError, 503),
    (errors.NetworkError, 503),
    (errors.InputError, 400),
    (errors.ProtocolError, 400),
)
_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "float": (float,),
    "int | None": (int, type(None)),
}
_PLAN_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class ModelStatus:
    """What a party says of a shared model.

    Attributes:
        share: the name of this sharing.
        plan: the plan, as JSON.
        serving: whether queries are answered.
        num_requests: how many at most; None for no limit.
        admitted: queries counted since serving began.
        finished: those of them that have been computed, or have failed.
    """

    share: str
    plan: str
    serving: bool
    num_requests: int | None
    admitted: int
    finished: int

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, content: Any) -> ModelStatus:
        """Read it back; ProtocolError if this is something else."""
        return _record(cls, content)

    @property
    def used_up(self) -> bool:
        """Whether the agreed requests have all been computed."""
        return self.num_requests is not None and self.finished >= self.num_requests


@dataclass(frozen=True)
class PartyCost:
    """What a query cost one party: rounds, payload bytes it sent to the others, seconds of computation.

    Bytes include those of randomness prepared ahead; rounds and seconds, which are what one waits for, do not.
    """

    rounds: int
    bytes: int
    seconds: float

    def to_header(self) -> str:
        """As the text of a header."""
        return json.dumps(vars(self))

    @classmethod
    def from_header(cls, text: str | None) -> PartyCost:
        """Read it back; ProtocolError if this is something else."""
        try:
            return _record(cls, json.loads(text or ""))
        except ValueError as error:
            raise ProtocolError(f"an answer came without its cost: {text!r}") from error


R = TypeVar("R", ModelStatus, PartyCost)


def new_identifier() -> str:
    """A name that nobody else will choose: 128 random bits."""
    return secrets.token_hex(16)


def is_identifier(text: object) -> bool:
    """Whether this may be such a name."""
    return isinstance(text, str) and re.fullmatch(r"[0-9a-f]{32}", text) is not None


def check_model_name(name: object) -> str:
    """The name, if a model may have it.

    Raises:
        InputError: it may not.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise InputError(
            f"a model's name has at most 64 letters, digits, '.', '_' and '-', and begins with one of the first two, "
            f"not {name!r}"
        )
    return name


def pack_model(plan: str, payload: bytes) -> bytes:
    """A plan and one party's shares of the tensors as one body."""
    text = plan.encode()
    return _PLAN_LENGTH.pack(len(text)) + text + payload


def unpack_model(body: bytes) -> tuple[str, bytes]:
    """The inverse of :func:`pack_model`; ProtocolError if it was something else."""
    try:
        (length,) = _PLAN_LENGTH.unpack_from(body)
        text = body[_PLAN_LENGTH.size :][:length]
        if len(text) != length:
            raise ValueError(f"its plan should have {length} bytes, {len(text)} are there")
        return text.decode(), body[_PLAN_LENGTH.size + length :]
    except (struct.error, ValueError) as error:
        raise ProtocolError(f"this is not a shared model: {error}") from error


def status_code(error: TrineError) -> int:
    """The HTTP status that goes with an error."""
    return next((code for kind, code in _STATUS_CODES if isinstance(error, kind)), 500)


def error_to_json(error: TrineError, party: int) -> dict[str, Any]:
    """An error as JSON; ``party`` answers."""
    blamed = error.party if isinstance(error, (PartyLostError, PartyTimeoutError)) else party
    return {"error": type(error).__name__, "message": str(error), "party": blamed}


def error_from_json(content: Any) -> TrineError:
    """The error that a party reported, as it would have been raised there."""
    try:
        name, message, party = content["error"], str(content["message"]), int(content["party"])
    except (KeyError, TypeError, ValueError):
        return ProtocolError(f"a party reported an error in a form that is not understood: {content!r:.200}")
    kind = getattr(errors, name) if name in errors.__all__ else TrineError
    if issubclass(kind, (PartyLostError, PartyTimeoutError)):
        return kind(party, message)
    error: TrineError = kind(message)
    return error


def _record(cls: type[R], content: Any) -> R:
    """An instance of a dataclass of plain values, from a JSON object with just its fields."""
    expected = {field.name: _KINDS[str(field.type)] for field in fields(cls)}
    if not isinstance(content, dict) or content.keys() != expected.keys():
        raise ProtocolError(f"expected {cls.__name__}, got {content!r:.200}")
    for name, value in content.items():
        if type(value) not in expected[name]:
            raise ProtocolError(f"{cls.__name__}.{name} cannot be {value!r:.200}")
    return cls(**content)
