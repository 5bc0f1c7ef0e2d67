"""What the measuring process and its load client say to each other: one JSON document a line."""

from typing import Final

import msgspec

READY: Final = b"ready\n"
GO: Final = b"go\n"


class Call(msgspec.Struct, frozen=True):
    """One request."""

    method: str
    path: str
    body: str = ""
    token: str = ""


class Load(msgspec.Struct, frozen=True):
    """What the load client shall do: all calls, each once, over so many connections that stay open."""

    port: int
    calls: list[Call]
    clients: int


class Answers(msgspec.Struct, frozen=True):
    """What came back: how often each status, how long each call took, one body, and the ids that were made."""

    statuses: dict[int, int]
    seconds: float
    latencies: list[float]
    sample: str
    ids: list[str]
