"""Structured log lines: events with a request id, never a person.

Events are words with underscores, values are ids, counts and types. `SAFE` is the list of fields that may appear; any
other field is dropped and its name reported, so that a careless line can't carry a name.
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final, TextIO, cast

import msgspec
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


# What every line of the present request or job says; `note` adds to it.
_context: ContextVar[dict[str, str]] = ContextVar("log_context")


def enter(**fields: str) -> "Token[dict[str, str]]":
    """A token for `leave`; until then every line of this task carries these fields."""
    return _context.set(fields)


def note(**fields: str) -> None:
    """Nothing; the lines of the present request carry these fields, too."""
    context = _context.get(None)
    if context is not None:
        context.update(fields)


def leave(token: "Token[dict[str, str]]") -> None:
    """Nothing; the fields are gone."""
    _context.reset(token)


def line(event: str, **fields: str | float) -> None:
    """Nothing; one line at level `info`, rendered at once: structlog's chain costs 40 us, this 5."""
    target = _direct.target
    if target is None or not fields.keys() <= SAFE:
        structlog.get_logger().info(event, **fields)
        return
    now = datetime.now(UTC).isoformat()[: -len("+00:00")]
    made = {**_context.get(_NONE), **fields, "event": event, "level": "info", "timestamp": f"{now}Z"}
    target.put(msgspec.json.encode(made) + b"\n")


def _with_context(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {**_context.get(_NONE), **event}


def configure(level: str = "INFO", *, stream: TextIO | None = None) -> None:
    """Send structured JSON lines to standard error (or `stream`), and the libraries' warnings by the same way."""
    target = _Steady(stream or sys.stderr)
    structlog.configure(
        processors=[
            _with_context,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_safe,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, target)),
        cache_logger_on_first_use=False,
    )
    _direct.target = target if getattr(logging, level.upper()) <= logging.INFO else None
    # Libraries may put arguments into their messages; only the logger's name and level leave.
    handler = _LibraryHandler()
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


_NONE: Final[dict[str, str]] = {}


class _Direct:
    """Where `line` writes; nowhere before `configure` or where the level leaves it out."""

    target: "_Steady | None" = None


_direct = _Direct()


class _Steady:
    """A stream that drops what it can't write: a full disk must cost log lines, not the answers to requests."""

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self._bytes: BinaryIO | None = getattr(target, "buffer", None)
        self._waiting: list[bytes] = []

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._target.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._target.flush()

    def put(self, line: bytes) -> None:
        """Nothing; the line is written when this turn of the event loop ends, with the others of the turn."""
        loop = _loop() if self._bytes is not None else None
        if loop is None:
            self.write(line.decode())
            self.flush()
            return
        if not self._waiting:
            loop.call_soon(self._put_out)
        self._waiting.append(line)

    def _put_out(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting and self._bytes is not None:
            with contextlib.suppress(OSError):
                self._bytes.write(b"".join(waiting))
                self._bytes.flush()


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # another thread's line
        return None


class _LibraryHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        structlog.get_logger().log(record.levelno, "library_message", logger=record.name, error=error)
