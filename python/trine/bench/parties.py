"""Three party processes, linked by TLS over loopback, that run an operation again and again."""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trine.bench.lines import LineProcess
from trine.bench.operations import OPERATIONS
from trine.errors import InputError, PartyLostError
from trine.net import PARTIES
from trine.net.certificates import Authority, party_role

__all__ = ["Measured", "Parties"]

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Measured:
    """One run of an operation.

    Attributes:
        seconds: of the slowest party.
        rounds: of communication.
        bytes: payload that all parties sent.
    """

    seconds: float
    rounds: int
    bytes: int


class Parties:
    """Three processes; use it as a context.

    Raises:
        PartyLostError: one of them failed.
    """

    def __init__(self) -> None:
        with contextlib.ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trine-")))
            authority = Authority(days=1)
            listeners = [stack.enter_context(socket.create_server((HOST, 0))) for _ in range(PARTIES)]
            ports = [str(listener.getsockname()[1]) for listener in listeners]
            self._processes = []
            for party, listener in enumerate(listeners):
                authority.enroll(directory, party_role(party))
                command = [sys.executable, "-m", "trine.bench.worker", f"--id={party}"]
                command += [f"--certificates={directory}", f"--listen-fd={listener.fileno()}", "--ports", *ports]
                process = LineProcess(
                    f"party {party}",
                    command,
                    pass_fds=[listener.fileno()],
                    error=functools.partial(PartyLostError, party),
                )
                self._processes.append(stack.enter_context(process))
            self._gather()
            self._stack = stack.pop_all()

    def prepare(self, operation: str, size: int) -> None:
        """Share the operands of one of :data:`trine.bench.operations.OPERATIONS`.

        Raises:
            InputError: there is no such operation.
        """
        if operation not in OPERATIONS:
            raise InputError(f"an operation is one of {', '.join(OPERATIONS)}, not {operation!r}")
        self._ask({"do": "prepare", "operation": operation, "size": size})

    def run(self) -> Measured:
        """Run the operation once, from shares to shares."""
        answers = self._ask({"do": "run"})
        return Measured(
            max(answer["seconds"] for answer in answers),
            max(answer["rounds"] for answer in answers),
            sum(answer["bytes"] for answer in answers),
        )

    def check(self) -> tuple[float, int | None]:
        """Open the last result: its largest error, and the most memory that a party has taken so far, if known."""
        answers = self._ask({"do": "check"})
        errors = [answer["max_error"] for answer in answers if answer["max_error"] is not None]
        peaks = [answer["peak_memory"] for answer in answers if answer["peak_memory"] is not None]
        return max(errors), max(peaks, default=None)

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.hang_up()
        self._stack.close()

    def _ask(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        for process in self._processes:
            process.say(json.dumps(request))
        return self._gather()

    def _gather(self) -> list[dict[str, Any]]:
        return [process.answer(timeout=120.0) for process in self._processes]

    def __enter__(self) -> Parties:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
