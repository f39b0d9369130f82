"""A party's log: one JSON object a line on standard error, never with a secret in it."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone

__all__ = ["LEVELS", "start_logging"]

LEVELS = ("debug", "info", "warning", "error")


class _JsonLines(logging.Formatter):
    def __init__(self, party: int) -> None:
        super().__init__()
        self._party = party

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, timezone.utc)
        entry = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "party": self._party,
            "source": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            # The traceback shows lines of code and no values.
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def start_logging(party: int, level: str) -> None:
    """Log to standard error what is at least as grave as ``level``, one of ``LEVELS``."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines(party))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # These tell of every connection and of every request.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
