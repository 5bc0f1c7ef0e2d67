"""What signalling processes and media workers say to each other over Redis, published and never stored."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from video.messages import FromUnit, Id, UnitOffer, Want

BEATS: Final = "media:beats"
FENCE: Final = "media:fence"

BEAT_EVERY: Final = 0.25
DEAD_AFTER: Final = 1.25
"""Seconds without a beat: five missed. With an answer and a handshake after it, sound is back within three seconds."""

SUSPECT_AFTER: Final = 0.35
"""Seconds without a beat, one missed, after which Redis is asked whether the worker still listens: it knows at once of
a process that has died, as the system closes its connections."""

LOOK_EVERY: Final = 0.1

LEASE: Final = 10.0
"""Seconds for which a room stays with a worker that does not renew it."""


def to_worker(worker: str) -> str:
    """The channel on which a worker listens."""
    return f"media:worker:{worker}"


def to_signalling(process: str) -> str:
    """The channel on which a signalling process listens."""
    return f"media:signalling:{process}"


def lease(room: str) -> str:
    """The key under which Redis keeps which worker has a room, as `worker:fence`."""
    return f"media:room:{room}"


class Beat(msgspec.Struct, frozen=True, tag_field="type", tag="beat"):
    """A worker lives, serves so many calls, and takes no more if it drains."""

    worker: str
    calls: int
    draining: bool = False


class Echo(msgspec.Struct, frozen=True, tag_field="type", tag="echo"):
    """A signalling process tells itself that it still hears what is published."""

    process: str


class _Asked(msgspec.Struct, frozen=True, tag_field="type"):
    process: Id
    room: Id
    fence: Annotated[int, Meta(ge=0)]
    participant: str = ""


class AskOffer(_Asked, frozen=True, tag="offer"):
    """Answer this offer."""

    offer: UnitOffer | None = None


class AskView(_Asked, frozen=True, tag="view"):
    """Note how a page shows the others."""

    want: dict[str, Want] = {}


class AskLeave(_Asked, frozen=True, tag="leave"):
    """End a participant's media; without a participant, those of the room."""


class Said(msgspec.Struct, frozen=True):
    """What the unit says to a page, under the fence of the room's lease."""

    worker: str
    room: str
    fence: int
    participant: str
    message: FromUnit


Asked = AskOffer | AskView | AskLeave
beats: Final = msgspec.json.Decoder(Beat | Echo)
asked: Final = msgspec.json.Decoder(Asked)
said: Final = msgspec.json.Decoder(Said)
written: Final = msgspec.json.Encoder().encode
