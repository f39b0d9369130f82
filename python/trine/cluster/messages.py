"""What the parties tell each other about queries: held, run, refused, aborted, prepared; control messages, in JSON.

Party 0 keeps the order. Each party tells it of every query whose share has come (:class:`Hold`); when it knows of all
three, it announces the computation and its session number (:class:`Run`), or why there will be none
(:class:`Refuse`). When there is nothing to do, it has the next query's randomness made (:class:`Prepare`). Whoever
fails in a computation tells the other two (:class:`Abort`), so that nobody waits.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from trine.cluster.wire import MAX_BATCH, check_model_name, error_from_json, error_to_json, is_identifier
from trine.errors import InputError, ProtocolError, TrineError

__all__ = ["Abort", "Hold", "Message", "Prepare", "Query", "Refuse", "Run", "decode", "encode"]


@dataclass(frozen=True)
class Query:
    """What all three parties must have been told alike.

    Attributes:
        id: chosen by the client, at random.
        model: name of the model.
        share: name of the sharing that the client has seen the plan of.
        batch: number of inputs.
    """

    id: str
    model: str
    share: str
    batch: int

    def __post_init__(self) -> None:
        check_model_name(self.model)
        if not is_identifier(self.id):
            raise InputError("queries are named by 32 hexadecimal digits")
        _check_share_and_batch(self.share, self.batch)


@dataclass(frozen=True)
class Hold:
    """The sender, party 1 or 2, holds its share of the query's input."""

    query: Query
    kind: ClassVar[str] = "hold"


@dataclass(frozen=True)
class Run:
    """Party 0: compute this, as session ``session``, after what was announced before.

    The session is a new one, or one in which the query's randomness has been prepared.
    """

    query: Query
    session: int
    kind: ClassVar[str] = "run"


@dataclass(frozen=True)
class Prepare:
    """Party 0: make the randomness of one inference, as session ``session``."""

    model: str
    share: str
    batch: int
    session: int
    kind: ClassVar[str] = "prepare"

    def __post_init__(self) -> None:
        check_model_name(self.model)
        _check_share_and_batch(self.share, self.batch)


@dataclass(frozen=True)
class Refuse:
    """Party 0: this query will not be computed."""

    query: str
    error: TrineError
    kind: ClassVar[str] = "refuse"


@dataclass(frozen=True)
class Abort:
    """The sender has failed in this session."""

    session: int
    error: TrineError
    kind: ClassVar[str] = "abort"


Message: TypeAlias = Hold | Run | Prepare | Refuse | Abort


def encode(message: Message, sender: int) -> bytes:
    """A message as bytes."""
    content: dict[str, Any] = {"kind": message.kind}
    if isinstance(message, Prepare):
        content |= vars(message)
    if isinstance(message, (Hold, Run)):
        content["query"] = vars(message.query)
    if isinstance(message, Refuse):
        content["query"] = message.query
    if isinstance(message, (Run, Abort)):
        content["session"] = message.session
    if isinstance(message, (Refuse, Abort)):
        content["error"] = error_to_json(message.error, sender)
    return json.dumps(content).encode()


def decode(payload: bytes) -> Message:
    """The message that these bytes are.

    Raises:
        ProtocolError: they are none.
    """
    try:
        content = json.loads(payload)
        kind = content["kind"]
        if kind == Hold.kind:
            return Hold(Query(**content["query"]))
        if kind == Run.kind:
            return Run(Query(**content["query"]), _session(content))
        if kind == Prepare.kind:
            return Prepare(content["model"], content["share"], content["batch"], _session(content))
        if kind == Refuse.kind and is_identifier(content["query"]):
            return Refuse(content["query"], error_from_json(content["error"]))
        if kind == Abort.kind:
            return Abort(_session(content), error_from_json(content["error"]))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ProtocolError(f"a control message is malformed: {error}") from None
    raise ProtocolError(f"a control message of unknown kind {kind!r:.50} came")


def _check_share_and_batch(share: object, batch: object) -> None:
    if not is_identifier(share):
        raise InputError("shares are named by 32 hexadecimal digits")
    if type(batch) is not int or not 1 <= batch <= MAX_BATCH:
        raise InputError(f"a query has 1 to {MAX_BATCH} inputs, not {batch!r}")


def _session(content: dict[str, Any]) -> int:
    number = content["session"]
    if type(number) is not int or not 0 < number < 1 << 64:
        raise ValueError(f"{number!r:.50} is not a session number")
    return number
