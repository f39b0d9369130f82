"""Where protocols run: all three parties in this process, or one party at its end of a channel."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trine.errors import ProtocolError
from trine.mpc.party import Party, Replicated
from trine.mpc.rounds import Compiled, Protocol, Received, Round, interpreted
from trine.mpc.secret import Plain, Secret
from trine.mpc.share import input_from
from trine.net import PARTIES, Bytes, Channel, Cost
from trine.net.keys import KEY_BYTES, derive_key
from trine.net.session import MeshChannel

__all__ = ["LocalSession", "PartySession", "PerParty", "Session", "overlapping_rounds"]

Call = Callable[..., Protocol[Any]]
Rounds = Generator[Round, Received, Any]
DEPTH = 2  # computations that overlap in a pipeline: one computes while the other's messages travel


class PerParty(tuple[Any, Any, Any]):
    """What each of the three parties holds, in a session that has them all in one process."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "PerParty(<three parties' shares>)"


class Session(ABC):
    """A computation among three parties, as the code that describes it sees it.

    Ring arithmetic wraps around on purpose, so NumPy's overflow warnings (it has them for scalars) are off inside.
    """

    @property
    @abstractmethod
    def cost(self) -> Cost:
        """Rounds so far, and payload bytes sent by the parties that this process runs."""

    @abstractmethod
    def call(self, protocol: Call, *args: Any) -> Any:
        """Run a protocol, a generator function of ``(party, *args)``, at every party that this process runs.

        Returns:
            the party's result, or :class:`PerParty` of the three.

        Raises:
            PartyLostError, PartyTimeoutError, ProtocolError: another party failed; the session cannot be used again.
        """

    @abstractmethod
    def pipeline(self, protocol: Call, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """Run a protocol on several sets of arguments, so that one computes while another's messages travel.

        Rounds: see :func:`overlapping_rounds`. What is in memory at a time is what ``DEPTH`` of them need.

        Returns:
            the results, each as of :meth:`call`, whose errors apply.
        """

    @abstractmethod
    def each(self, function: Callable[..., Any], *args: Any) -> Any:
        """The same for a local function of ``(party, *args)``."""

    def share(
        self,
        x: ArrayLike | None,
        owner: int = 0,
        *,
        shape: tuple[int, ...] | None = None,
        fraction: int | None = None,
        bound: float | None = None,
    ) -> Secret:
        """Share numbers that the party ``owner`` knows. 1 round, 8 bytes a number.

        Args:
            x: the numbers, at the owner (integers stay integers, other numbers get 16 fractional bits); None elsewhere.
            shape: their shape, where ``x`` is None.
            fraction: fractional bits; needed where ``x`` is None unless it is 16.
            bound: a public bound on the absolute values, checked here; the tighter, the cheaper are comparisons.

        Raises:
            InputError: see :meth:`trine.ring.FixedPoint.encode`.
        """
        plain = Plain.encode(x, shape, fraction, bound)
        value = self.call(input_from, owner, plain.elements, plain.shape)
        return Secret(self, value, plain.fraction, plain.bound)


class PartySession(Session):
    """One party's end of a computation; the other two run the same protocols elsewhere.

    Args:
        channel: this party's link to the others, for this computation only.
        keys: PRF keys number i and i + 1 of party i, fresh for this computation.
        private: a fresh key of its own; drawn from the operating system if not given.
    """

    def __init__(self, channel: Channel, keys: tuple[bytes, bytes], private: bytes | None = None) -> None:
        self._channel = channel
        self._party = Party(channel.party, keys, private or secrets.token_bytes(KEY_BYTES))
        self._cost = Cost()

    @property
    def cost(self) -> Cost:
        """Rounds so far, and payload bytes that this party has sent."""
        return self._cost

    def call(self, protocol: Call, *args: Any) -> Any:
        """Run a protocol to its end, together with the other parties."""
        return self.pipeline(protocol, [args])[0]

    def pipeline(self, protocol: Call, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """Run a protocol on several sets of arguments; see :meth:`Session.pipeline`."""
        results: list[Any] = [None] * len(calls)
        rounds = [0] * len(calls)
        to_start = iter(enumerate(calls))
        # What has posted its messages and waits for the others', in the order in which all three parties go on.
        waiting: deque[tuple[int, Rounds, Round]] = deque()
        # Compiled code keeps this thread to the end: nothing could overlap with it.
        run = self._run if isinstance(self._channel, MeshChannel) and len(calls) == 1 else None

        def resume(index: int, running: Rounds, received: Received | None) -> None:
            try:
                turn = running.send(received)  # type: ignore[arg-type]  # None starts a generator
            except StopIteration as finished:
                results[index] = finished.value
                return
            rounds[index] += 1
            self._post(turn)
            waiting.append((index, running, turn))

        with np.errstate(over="ignore"):
            while True:
                while len(waiting) < DEPTH and (call := next(to_start, None)) is not None:
                    index, args = call
                    resume(index, interpreted(protocol(self._party, *args), run), None)
                if not waiting:
                    self._cost += Cost(overlapping_rounds(rounds))
                    return results
                index, running, turn = waiting.popleft()
                resume(index, running, self._channel.collect(turn.expect))

    def each(self, function: Callable[..., Any], *args: Any) -> Any:
        """Apply a local function."""
        with np.errstate(over="ignore"):
            return function(self._party, *args)

    def _run(self, compiled: Compiled) -> Replicated:
        assert isinstance(self._channel, MeshChannel)
        result = Replicated(np.empty(compiled.shape, np.uint64), np.empty(compiled.shape, np.uint64))
        self._cost += Cost(*self._channel.run(compiled.program(result)))
        return result

    def _post(self, turn: Round) -> None:
        self._channel.post(turn.send)
        self._cost += Cost(0, sum(part.size for parts in turn.send.values() for part in parts))


class LocalSession(Session):
    """Three parties in one process, in lockstep: for notebooks, tests and planning.

    The parties' protocols, shares and messages are those of three hosts; what is missing is the distance, so that
    whoever can read this process's memory can read everything.

    Args:
        seed: 16 bytes that fix all randomness, for tests; drawn from the operating system if not given.
    """

    def __init__(self, seed: bytes | None = None) -> None:
        master = seed or secrets.token_bytes(KEY_BYTES)
        common = [derive_key(master, b"common %d" % i) for i in range(PARTIES)]
        private = [derive_key(master, b"private %d" % i) for i in range(PARTIES)]
        self._parties = [Party(i, (common[i], common[(i + 1) % PARTIES]), private[i]) for i in range(PARTIES)]
        self._cost = Cost()

    @property
    def cost(self) -> Cost:
        """Rounds so far, and payload bytes of all three parties."""
        return self._cost

    def call(self, protocol: Call, *args: Any) -> PerParty:
        """Run a protocol at all three parties, round by round.

        Raises:
            ProtocolError: the parties' protocols do not fit together.
        """
        running = [interpreted(protocol(party, *_pick(args, party.index))) for party in self._parties]
        results: list[Any] = [None] * PARTIES
        received: list[Any] = [None] * PARTIES
        while True:
            turns: list[Round] = []
            for i, generator in enumerate(running):
                try:
                    with np.errstate(over="ignore"):
                        turns.append(generator.send(received[i]))
                except StopIteration as finished:
                    results[i] = finished.value
            if not turns:
                return PerParty(results)
            if len(turns) < PARTIES:
                raise ProtocolError("one party has finished while another waits for a round")
            received = self._deliver(turns)

    def pipeline(self, protocol: Call, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """Run a protocol on several sets of arguments, one after the other; counted as parties would overlap them."""
        before, results, rounds = self._cost, [], []
        for args in calls:
            start = self._cost.rounds
            results.append(self.call(protocol, *args))
            rounds.append(self._cost.rounds - start)
        self._cost = Cost(before.rounds + overlapping_rounds(rounds), self._cost.bytes)
        return results

    def each(self, function: Callable[..., Any], *args: Any) -> PerParty:
        """Apply a local function at all three parties."""
        with np.errstate(over="ignore"):
            return PerParty(function(party, *_pick(args, party.index)) for party in self._parties)

    def _deliver(self, turns: Sequence[Round]) -> list[dict[int, list[Bytes]]]:
        received: list[dict[int, list[Bytes]]] = [{}, {}, {}]
        sent = 0
        for sender, turn in enumerate(turns):
            for peer, parts in turn.send.items():
                received[peer][sender] = [part.copy() for part in parts]
                sent += sum(part.size for part in parts)
        for receiver, turn in enumerate(turns):
            for peer, sizes in turn.expect.items():
                came = [part.size for part in received[receiver].get(peer, [])]
                if came != list(sizes):
                    raise ProtocolError(f"party {receiver} expects {list(sizes)} bytes of party {peer}, got {came}")
            if extra := received[receiver].keys() - turn.expect.keys():
                raise ProtocolError(f"party {receiver} expects nothing of party {extra}")
        self._cost += Cost(1, sent)
        return received


def overlapping_rounds(rounds: Sequence[int]) -> int:
    """Rounds of a pipeline of computations of so many rounds each, of which ``DEPTH`` overlap.

    >>> overlapping_rounds([6, 6, 6])
    12
    """
    ends: list[int] = []
    for index, own in enumerate(rounds):
        ends.append(own + (ends[index - DEPTH] if index >= DEPTH else 0))
    return max(ends, default=0)


def _pick(args: Sequence[Any], index: int) -> list[Any]:
    return [arg[index] if isinstance(arg, PerParty) else arg for arg in args]
