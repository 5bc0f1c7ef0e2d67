"""Structured log lines: events with a request id, never a person.

Events are words with underscores, values are ids, counts and types. `SAFE` is the list of fields that may appear; any
other field is dropped and its name reported, so that a careless line can't carry a name.
"""

import contextlib
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

SAFE = frozenset(
    [
        "event",
        "level",
        "timestamp",
        "request_id",
        "method",
        "route",
        "status",
        "milliseconds",
        "bytes",
        "kind",
        "count",
        "error",
        "job",
        "attempt",
        "state",
        "tenant",
        "client",
        "role",
        "action",
        "type",
        "dropped",
        "logger",
        "where",
        "pid",
        "port",
        "version",
        "release",
        "dataset",
        "seconds",
        "room",
        "channel",
        "made",
        "closed",
        "reopened",
    ]
)


def _only_safe(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    dropped = sorted(key for key in event if key not in SAFE)
    kept = {key: value for key, value in event.items() if key in SAFE}
    if dropped:
        kept["dropped"] = ",".join(dropped)
    return kept


def configure(level: str = "INFO", *, stream: TextIO | None = None) -> None:
    """Send structured JSON lines to standard error (or `stream`), and the libraries' warnings by the same way."""
    target = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_safe,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _Steady(target))),
        cache_logger_on_first_use=False,
    )
    # Libraries may put arguments into their messages; only the logger's name and level leave.
    handler = _LibraryHandler()
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


class _Steady:
    """A stream that drops what it can't write: a full disk must cost log lines, not the answers to requests."""

    def __init__(self, target: TextIO) -> None:
        self._target = target

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._target.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._target.flush()


class _LibraryHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        structlog.get_logger().log(record.levelno, "library_message", logger=record.name, error=error)
