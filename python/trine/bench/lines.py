"""A process that is asked by lines on its standard input and answers each with a line of JSON."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trine.errors import BenchmarkError, TrineError

__all__ = ["LineProcess"]

LOG_BYTES, LOG_LINES = 4096, 5
END_SECONDS = 10.0


class LineProcess:
    """A child process in conversation; whatever it writes that is not a JSON object is passed over.

    Args:
        name: what errors call it.
        command: program and arguments.
        environment: of the process; this one's if not given.
        pass_fds: descriptors that it inherits.
        error: makes the error to raise of a message.

    Raises:
        BenchmarkError: it cannot be started.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | os.PathLike[str]],
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        error: Callable[[str], TrineError] = BenchmarkError,
    ) -> None:
        self.name = name
        self._error = error
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        self._buffer = b""
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=environment,
                pass_fds=pass_fds,
                # Ctrl-C is for this process, which then ends the others; and a group of its own can be ended whole.
                start_new_session=True,
            )
        except OSError as cause:
            self._log.close()
            raise error(f"{name} cannot be started: {cause}") from cause

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def say(self, line: str) -> None:
        """Write one line.

        Raises:
            BenchmarkError: the process has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._failure("ended") from None

    def answer(self, timeout: float) -> dict[str, Any]:
        """The next line of JSON.

        Raises:
            BenchmarkError: the process ended, said nothing in time, or answered ``{"error": ...}``.
        """
        deadline = time.monotonic() + timeout
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if not newline:
                self._buffer += self._read(deadline - time.monotonic(), timeout)
                continue
            self._buffer = rest
            with contextlib.suppress(ValueError):
                content = json.loads(line)
                if isinstance(content, dict):
                    if "error" in content:
                        raise self._error(f"{self.name}: {content['error']}")
                    return content

    def ask(self, line: str, timeout: float = 600.0) -> dict[str, Any]:
        """Write a line, return the answer; errors as in :meth:`say` and :meth:`answer`."""
        self.say(line)
        return self.answer(timeout)

    def hang_up(self) -> None:
        """Close its input, which tells it to end, and do not wait for that."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def close(self) -> None:
        """End it: by hanging up, and if it does not heed that, by force, with all that it started."""
        assert self._process.stdout is not None
        self.hang_up()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def _read(self, seconds: float, timeout: float) -> bytes:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._process.stdout, selectors.EVENT_READ)
            if not waiting.select(max(0.0, seconds)):
                raise self._failure(f"did not answer in {timeout:g} s")
        data = os.read(self._process.stdout.fileno(), 1 << 16)
        if not data:
            raise self._failure("ended")
        return data

    def _failure(self, what: str) -> TrineError:
        # Not seek and read: the process writes at the same position of the same open file.
        end = os.fstat(self._log.fileno()).st_size
        text = os.pread(self._log.fileno(), LOG_BYTES, max(0, end - LOG_BYTES))
        lines = text.decode(errors="replace").splitlines()
        return self._error("\n".join([f"{self.name} {what}", *lines[-LOG_LINES:]]))

    def __enter__(self) -> LineProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
